-- name: receipt_facts
-- One person's events with the text of each, from one snapshot.
SELECT s.id, s.email, s.status, s.locale, now() AS issued_at, (
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'id', e.id, 'type', e.type, 'purpose', e.purpose, 'gesture', e.gesture,
        'occurred_at', e.occurred_at, 'consent_text_id', e.consent_text_id,
        'text', t.text, 'text_hash', encode(e.text_hash, 'hex'), 'locale', e.locale,
        'policy_version', e.policy_version, 'claim', e.claim, 'policy_url', e.policy_url,
        'magnet', m.slug) ORDER BY e.id), '[]')
    FROM lm_consent_events e
    LEFT JOIN lm_consent_texts t ON t.id = e.consent_text_id
    LEFT JOIN lm_magnets m ON m.id = t.magnet_id
    WHERE e.subscriber_id = s.id
) AS events, (
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'service', m.slug, 'sha256', encode(f.sha256, 'hex'), 'size_bytes', f.size_bytes,
        'first_time', d.first_at, 'times', d.times) ORDER BY d.first_at, f.id), '[]')
    FROM lm_downloads d
    JOIN lm_magnet_files f ON f.id = d.file_id
    JOIN lm_magnets m ON m.id = f.magnet_id
    WHERE d.subscriber_id = s.id
) AS files
FROM lm_subscribers s
WHERE s.id = %(subscriber_id)s;
