-- name: privacy_link
SELECT t.subscriber_id, t.expires_at, t.expires_at > now() AS live, s.email, o.locale
FROM lm_download_tokens t
JOIN lm_outbox o ON o.id = t.outbox_id
JOIN lm_subscribers s ON s.id = t.subscriber_id
WHERE t.token_hash = %(token_hash)s AND t.kind = 'privacy';

-- name: privacy_export
-- Everything held about the person, in one statement and so from one snapshot: whole rows, so that
-- a new column is exported by default, without hashes, salts and the id that all rows share.
WITH person AS (
    -- The owner of a link; or, for an operator, a subscriber by id.
    SELECT subscriber_id AS id, expires_at > now() AS live
    FROM lm_download_tokens WHERE token_hash = %(token_hash)s::bytea AND kind = 'privacy'
    UNION ALL
    SELECT id, true FROM lm_subscribers WHERE id = %(subscriber_id)s::uuid
)
SELECT live, CASE WHEN live THEN jsonb_build_object(
    'exported_at', now(),
    'subscriber', (
        SELECT to_jsonb(s) - '{address_key,privacy_key}'::text[]
        FROM lm_subscribers s WHERE s.id = person.id),
    'consent_events', (
        SELECT coalesce(jsonb_agg(
            to_jsonb(e) - '{subscriber_id,salt,address_digest}'::text[] || jsonb_build_object(
                'text_hash', encode(e.text_hash, 'hex'), 'text', c.text) ORDER BY e.id), '[]')
        FROM lm_consent_events e LEFT JOIN lm_consent_texts c ON c.id = e.consent_text_id
        WHERE e.subscriber_id = person.id),
    'consent_context', (
        SELECT coalesce(jsonb_agg(to_jsonb(x) ORDER BY x.event_id), '[]')
        FROM lm_consent_context x JOIN lm_consent_events e ON e.id = x.event_id
        WHERE e.subscriber_id = person.id),
    'requests', (
        SELECT coalesce(jsonb_agg(
            to_jsonb(r) - '{subscriber_id,token_hash,network_key}'::text[] ORDER BY r.id), '[]')
        FROM lm_requests r
        WHERE r.email = (SELECT s.email FROM lm_subscribers s WHERE s.id = person.id)
           OR r.token_hash IN (
               SELECT l.token_hash FROM lm_download_tokens l
               WHERE l.subscriber_id = person.id)),
    'mails', (
        SELECT coalesce(jsonb_agg(
            to_jsonb(o) - '{subscriber_id,magnet_id,network_key}'::text[] || jsonb_build_object(
                'magnet', m.slug) ORDER BY o.id), '[]')
        FROM lm_outbox o LEFT JOIN lm_magnets m ON m.id = o.magnet_id
        WHERE o.subscriber_id = person.id),
    'links', (
        SELECT coalesce(jsonb_agg(to_jsonb(l) - '{subscriber_id,token_hash}'::text[]
                                  ORDER BY l.id), '[]')
        FROM lm_download_tokens l WHERE l.subscriber_id = person.id),
    'files', (
        SELECT coalesce(jsonb_agg(
            to_jsonb(d) - '{subscriber_id,file_id}'::text[] || jsonb_build_object(
                'magnet', m.slug, 'title', m.title, 'sha256', encode(f.sha256, 'hex'),
                'size_bytes', f.size_bytes)
            ORDER BY d.first_at, f.id), '[]')
        FROM lm_downloads d
        JOIN lm_magnet_files f ON f.id = d.file_id
        JOIN lm_magnets m ON m.id = f.magnet_id
        WHERE d.subscriber_id = person.id),
    'ses_events', (
        SELECT coalesce(jsonb_agg(to_jsonb(v) - '{subscriber_id}'::text[] ORDER BY v.id), '[]')
        FROM lm_ses_events v WHERE v.subscriber_id = person.id),
    'former_ids', (
        SELECT coalesce(jsonb_agg(f.former_id ORDER BY f.former_id), '[]')
        FROM lm_former_ids f WHERE f.subscriber_id = person.id),
    'webhooks', (
        SELECT coalesce(jsonb_agg(
            to_jsonb(w) - '{subscriber_id,endpoint_id}'::text[] || jsonb_build_object(
                'endpoint', e.name) ORDER BY e.name), '[]')
        FROM lm_webhook_recipients w JOIN lm_webhook_endpoints e ON e.id = w.endpoint_id
        WHERE w.subscriber_id = person.id),
    'webhook_events', (
        SELECT coalesce(jsonb_agg(
            to_jsonb(w) - '{subscriber_id,endpoint_id,magnet_id}'::text[] || jsonb_build_object(
                'endpoint', e.name, 'magnet', m.slug) ORDER BY w.id), '[]')
        FROM lm_webhook_events w
        JOIN lm_webhook_endpoints e ON e.id = w.endpoint_id
        LEFT JOIN lm_magnets m ON m.id = w.magnet_id
        WHERE w.subscriber_id = person.id),
    'admin_acts', (
        SELECT coalesce(
            jsonb_agg(to_jsonb(a) - '{subscriber_id,once_on}'::text[] ORDER BY a.id), '[]')
        FROM lm_audit a WHERE a.subscriber_id = person.id)
) END AS held
FROM person;
