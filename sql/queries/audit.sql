-- name: audit_record
-- `once` notes the same only once a day.
INSERT INTO lm_audit (actor, action, outcome, subscriber_id, detail, request_id, once_on)
VALUES (%(actor)s, %(action)s, %(outcome)s, %(subscriber_id)s, %(detail)s::text::jsonb,
    %(request_id)s, CASE WHEN %(once)s::boolean THEN current_date END)
ON CONFLICT DO NOTHING;

-- name: audit_page
-- Newest first; `before` is the last id that the reader saw.
SELECT id, occurred_at, actor, action, outcome, subscriber_id, detail, request_id
FROM lm_audit
WHERE id < %(before)s AND (%(subscriber_id)s::uuid IS NULL OR subscriber_id = %(subscriber_id)s)
ORDER BY id DESC
LIMIT %(limit)s;
