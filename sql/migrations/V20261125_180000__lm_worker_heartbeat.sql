-- When a worker last said that it is alive, whichever it was: one row. It starts with the
-- migration, so that a worker that was never started counts as silent, too.
CREATE TABLE lm_worker_heartbeat (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    seen_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

INSERT INTO lm_worker_heartbeat DEFAULT VALUES;

-- How many people confirmed in the last day, asked for by every scrape.
CREATE INDEX lm_consent_events_confirmed ON lm_consent_events (recorded_at)
WHERE type = 'confirm';
