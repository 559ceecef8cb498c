-- The links in the mails: SHA-256 of the token, never the token.
CREATE TABLE lm_download_tokens (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    token_hash bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    -- `confirm` may confirm the address and hands out the file; `download` just the file;
    -- `privacy` opens what is held about the person, for them to read or to erase.
    kind text NOT NULL CHECK (kind IN ('confirm', 'download', 'privacy')),
    subscriber_id uuid NOT NULL REFERENCES lm_subscribers ON DELETE CASCADE,
    outbox_id bigint NOT NULL REFERENCES lm_outbox ON DELETE CASCADE,
    expires_at timestamptz NOT NULL,
    use_count integer NOT NULL DEFAULT 0 CHECK (use_count >= 0),
    created_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 85);

CREATE INDEX lm_download_tokens_subscriber ON lm_download_tokens (subscriber_id);
CREATE INDEX lm_download_tokens_outbox ON lm_download_tokens (outbox_id);
