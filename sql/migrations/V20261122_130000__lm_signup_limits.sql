-- Counts by keyed hash: tries by client network, mails by address, unknown tokens by network, and
-- the mails of an hour. A key is HMAC-SHA256 of what is counted, so that the table names no
-- one; a row means nothing once its window has ended, and is then deleted.
CREATE TABLE lm_signup_limits (
    key bytea PRIMARY KEY CHECK (octet_length(key) = 32),
    n integer NOT NULL DEFAULT 1 CHECK (n > 0),
    -- Set when the window starts and not moved by refused tries, which make no wait longer.
    ends_at timestamptz NOT NULL
) WITH (fillfactor = 70);

CREATE INDEX lm_signup_limits_ended ON lm_signup_limits (ends_at);
