-- name: verdict_record
-- How many checks of the category fail as of now. Where some could not be made, what failed before
-- may still fail.
INSERT INTO lm_doctor_verdicts AS v (category, failing, skipped)
VALUES (%(category)s, %(failing)s, %(skipped)s)
ON CONFLICT (category) DO UPDATE
SET failing = CASE WHEN EXCLUDED.skipped > 0 THEN greatest(v.failing, EXCLUDED.failing)
                   ELSE EXCLUDED.failing END,
    skipped = EXCLUDED.skipped, checked_at = now();
