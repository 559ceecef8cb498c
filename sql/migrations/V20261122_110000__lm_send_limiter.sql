-- The one gate of all workers on all hosts: the next moment at which a mail may go. The rate,
-- a throttling SES and a paused account all move it; that is how workers share without talking.
CREATE TABLE lm_send_limiter (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    next_at timestamptz NOT NULL DEFAULT '-infinity',
    -- Throttled answers in a row: each doubles the wait.
    throttles integer NOT NULL DEFAULT 0,
    -- Why nothing can go at all, until somebody mends it: alarmed once, probed now and then.
    pause_reason text
);

INSERT INTO lm_send_limiter DEFAULT VALUES;
