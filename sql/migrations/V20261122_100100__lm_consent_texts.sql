-- The wordings a page shows, one immutable row each: a new wording is a new row, an old one is
-- retired. What a person agreed to is the row her page named.
CREATE TABLE lm_consent_texts (
    id text PRIMARY KEY CHECK (id ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(id) <= 100),
    magnet_id bigint NOT NULL REFERENCES lm_magnets,
    purpose text NOT NULL CHECK (purpose IN ('delivery', 'newsletter')),
    locale text NOT NULL CHECK (locale IN ('fr', 'en')),
    text text NOT NULL CHECK (text <> ''),
    policy_version text NOT NULL CHECK (policy_version <> ''),
    policy_url text NOT NULL CHECK (policy_url ~ '^https?://'),
    retired_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- At most one wording of a purpose is shown at a time.
CREATE UNIQUE INDEX lm_consent_texts_current
    ON lm_consent_texts (magnet_id, locale, purpose) WHERE retired_at IS NULL;
