-- The texts that a page shows, one immutable row each: a new text is a new row, an old one is
-- retired. What a person agreed to is the row that their page named.
CREATE TABLE lm_consent_texts (
    id text PRIMARY KEY CHECK (id ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(id) <= 100),
    magnet_id bigint NOT NULL REFERENCES lm_magnets,
    purpose text NOT NULL CHECK (purpose IN ('delivery', 'newsletter')),
    locale text NOT NULL CHECK (locale IN ('fr', 'en')),
    text text NOT NULL CHECK (text <> ''),
    -- SHA-256 of the text in UTF-8, computed by the trigger below.
    text_hash bytea NOT NULL,
    policy_version text NOT NULL CHECK (policy_version <> ''),
    policy_url text NOT NULL CHECK (policy_url ~ '^https?://'),
    retired_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- At most one text of a purpose is shown at a time.
CREATE UNIQUE INDEX lm_consent_texts_current
    ON lm_consent_texts (magnet_id, locale, purpose) WHERE retired_at IS NULL;

CREATE FUNCTION lm_consent_text_hash() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.text_hash := sha256(convert_to(NEW.text, 'UTF8'));
    RETURN NEW;
END
$$;

CREATE FUNCTION lm_consent_text_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.retired_at IS NULL THEN
        OLD.retired_at := NEW.retired_at;
        IF NEW IS NOT DISTINCT FROM OLD THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'a consent text cannot be changed, only retired, once: add a new one'
        USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER lm_consent_texts_hash BEFORE INSERT ON lm_consent_texts
    FOR EACH ROW EXECUTE FUNCTION lm_consent_text_hash();
CREATE TRIGGER lm_consent_texts_guard BEFORE UPDATE OR DELETE ON lm_consent_texts
    FOR EACH ROW EXECUTE FUNCTION lm_consent_text_guard();
CREATE TRIGGER lm_consent_texts_truncate BEFORE TRUNCATE ON lm_consent_texts
    EXECUTE FUNCTION lm_consent_text_guard();
