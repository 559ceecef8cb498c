-- The send rate limiter of all workers on all hosts: the next moment at which a mail may go. The
-- rate, a throttling SES and a paused account all move it; that is how workers share without
-- talking.
CREATE TABLE lm_send_limiter (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    next_at timestamptz NOT NULL DEFAULT '-infinity',
    -- How many mails went in the current hour, which starts with its first one: MAILS_PER_HOUR.
    hour_ends_at timestamptz NOT NULL DEFAULT '-infinity',
    hour_mails integer NOT NULL DEFAULT 0,
    -- Throttled answers in a row: each doubles the wait. And when the latest came, so that the
    -- answers to mails that were on their way together count once.
    throttles integer NOT NULL DEFAULT 0,
    throttled_at timestamptz NOT NULL DEFAULT '-infinity',
    -- Why nothing can go, as SES says; one mail tries now and then whether it can again.
    pause_reason text,
    pause_sentence text,
    -- Different mails in a row that met the same odd answer.
    odd_reason text,
    odd_mails bigint[] NOT NULL DEFAULT '{}',
    -- Why nothing goes until an operator resumes: `operator`, `bounces` or `database_copied`.
    hold_reason text,
    resumed_at timestamptz NOT NULL DEFAULT '-infinity',
    -- Which database this is: in a copy of it the queued mails are the original's to send.
    database_id text
);

INSERT INTO lm_send_limiter DEFAULT VALUES;
