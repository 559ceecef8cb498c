-- What the studio offers. Titles and descriptions carry both languages in one row, so that a
-- magnet without its translation cannot exist.
CREATE TABLE lm_magnets (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) <= 60),
    title jsonb NOT NULL,
    description jsonb NOT NULL,
    -- Of the current file. Without one the magnet is a draft, which no visitor sees.
    s3_key text CHECK (s3_key <> ''),
    file_name text NOT NULL CHECK (file_name <> '' AND file_name !~ '[[:cntrl:]/\\]'),
    -- Set by the worker's look at the bucket: no link is handed out to a file that is not there.
    file_missing_since timestamptz,
    retired_at timestamptz,
    -- Counts the changes: who changes a magnet says which version they have seen.
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT lm_magnets_title_languages
        CHECK (coalesce(title ->> 'fr', '') <> '' AND coalesce(title ->> 'en', '') <> ''),
    CONSTRAINT lm_magnets_description_languages
        CHECK (coalesce(description ->> 'fr', '') <> ''
               AND coalesce(description ->> 'en', '') <> '')
);
