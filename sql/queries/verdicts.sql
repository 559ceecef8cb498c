-- name: verdict_record
-- How many checks of the category fail as of now.
INSERT INTO lm_doctor_verdicts (category, failing) VALUES (%(category)s, %(failing)s)
ON CONFLICT (category) DO UPDATE SET failing = EXCLUDED.failing, checked_at = now();
