-- How many accepted signups ended how, by day: the account of the 202s, which all look the same
-- from outside. Holds no person. Only workers count here, once for each batch that they settle.
CREATE TABLE lm_signup_outcomes (
    day date NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('queued', 'cool_down', 'capped', 'suppressed', 'ignored')),
    n bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (day, outcome)
) WITH (fillfactor = 50);
