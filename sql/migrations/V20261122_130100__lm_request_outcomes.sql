-- How many accepted requests ended how, by day: what became of the 202s, which all look the same
-- from outside. Holds no person. Only workers count here, once for each batch that they settle.
CREATE TABLE lm_request_outcomes (
    day date NOT NULL,
    kind text NOT NULL CHECK (kind IN ('signup', 'privacy', 'renewal')),
    outcome text NOT NULL CHECK (
        outcome IN ('queued', 'not_queued', 'cool_down', 'mailbox_full', 'suppressed', 'ignored')),
    n bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (day, kind, outcome)
) WITH (fillfactor = 50);
