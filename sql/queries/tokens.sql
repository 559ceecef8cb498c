-- name: token_describe
-- What a click on the page behind this link would do; reads only.
-- `not_me`: somebody said so since, and it still holds.
SELECT CASE
           WHEN t.expires_at > now()
               AND lm_may_confirm(s, t.kind, o.asked_at, 'newsletter' = ANY (asked.purposes))
               THEN 'pending'
           WHEN t.expires_at > now() AND s.confirmed_at IS NOT NULL THEN 'confirmed'
           WHEN lm_was_not_me(s, %(not_me)s::interval) THEN 'not_me'
           ELSE 'expired'
       END AS status,
       s.email, m.slug, m.title ->> o.locale AS title, m.file_name, asked.purposes,
       o.locale, t.expires_at
FROM lm_download_tokens t
JOIN lm_subscribers s ON s.id = t.subscriber_id
JOIN lm_outbox o ON o.id = t.outbox_id
JOIN lm_magnets m ON m.id = o.magnet_id
CROSS JOIN LATERAL (
    SELECT array_agg(c.purpose ORDER BY c.purpose) AS purposes
    FROM lm_consent_texts c
    -- Not a newsletter that they have said no to since.
    WHERE c.id = ANY (o.consents) AND (c.purpose <> 'newsletter' OR s.newsletter
        OR o.asked_at > coalesce(s.newsletter_at, '-infinity'))
) asked
WHERE t.token_hash = %(token_hash)s;

-- name: token_release
-- Takes back a counted use: the address is confirmed, but no file could be handed out. `file_id` is
-- null where it was known to be missing.
WITH released AS (
    UPDATE lm_download_tokens SET use_count = use_count - 1
    WHERE id = %(token_id)s AND use_count > 0
    RETURNING subscriber_id
), never_handed_out AS (
    DELETE FROM lm_downloads d USING released
    WHERE d.subscriber_id = released.subscriber_id AND d.file_id = %(file_id)s::uuid
      AND d.times = 1
)
UPDATE lm_downloads d SET times = d.times - 1
FROM released
WHERE d.subscriber_id = released.subscriber_id AND d.file_id = %(file_id)s::uuid AND d.times > 1;
