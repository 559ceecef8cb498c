-- What the worker's daily doctor found: how many checks of a category fail, and how many could not
-- be made since somebody did not answer. What each said is for whoever runs the command.
CREATE TABLE lm_doctor_verdicts (
    category text PRIMARY KEY,
    failing integer NOT NULL CHECK (failing >= 0),
    checked_at timestamptz NOT NULL DEFAULT now(),
    skipped integer NOT NULL DEFAULT 0 CHECK (skipped >= 0)
);
