-- How many accepted signups ended how, by day: the account of the 202s, which all look the same
-- from outside. Holds no person. A day's count is spread over slots, so that signups at the same
-- moment do not wait for one row: sum them.
CREATE TABLE lm_signup_outcomes (
    day date NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('queued', 'cool_down', 'capped', 'suppressed', 'ignored')),
    slot smallint NOT NULL,
    n bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (day, outcome, slot)
) WITH (fillfactor = 50);
