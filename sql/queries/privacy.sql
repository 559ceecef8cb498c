-- name: privacy_ask
-- Queues the mail with the link, for who is listed and can be written to; one as long as its link
-- works, and so many to an address in a window, by the same steps as a signup. No flood of signups
-- delays it: the hour's ceiling is not for it. Where none is due, the write-ahead log gets an empty
-- message instead: the commit then waits for the disk just the same, and its time tells nobody who
-- is listed.
WITH subscriber AS (
    UPDATE lm_subscribers
    SET privacy_asked_at = now(), privacy_key = %(address_key)s
    WHERE email = %(email)s
      AND status NOT IN ('bounced', 'complained')
      AND (privacy_asked_at IS NULL OR privacy_asked_at <= now() - %(cool_down)s::interval)
      AND NOT EXISTS (
          SELECT FROM lm_signup_limits
          WHERE key = %(address_key)s AND n >= %(address_limit)s::int AND ends_at > now())
    RETURNING id, locale
), address AS (
    INSERT INTO lm_signup_limits AS l (key, ends_at)
    SELECT %(address_key)s, now() + %(address_window)s::interval FROM subscriber
    ON CONFLICT (key) DO UPDATE
    SET n = CASE WHEN l.ends_at <= now() THEN 1 ELSE l.n + 1 END,
        ends_at = CASE WHEN l.ends_at <= now() THEN EXCLUDED.ends_at ELSE l.ends_at END
    WHERE l.ends_at <= now() OR l.n < %(address_limit)s::int
    RETURNING l.key
), mail AS (
    INSERT INTO lm_outbox (subscriber_id, kind, locale)
    SELECT subscriber.id, 'privacy', subscriber.locale FROM subscriber, address
    RETURNING subscriber_id
)
SELECT (SELECT subscriber_id FROM mail) AS subscriber_id,
       CASE
           WHEN EXISTS (SELECT FROM mail) THEN pg_notify('lm_outbox', '')::text
           ELSE pg_logical_emit_message(true, 'leadmagnet', '')::text
       END AS answered;

-- name: privacy_link
SELECT t.subscriber_id, t.expires_at > now() AS live, s.email
FROM lm_download_tokens t
JOIN lm_subscribers s ON s.id = t.subscriber_id
WHERE t.token_hash = %(token_hash)s AND t.kind = 'privacy';

-- name: privacy_export
-- Everything held about the person, in one statement and so from one snapshot: whole rows, so that
-- a new column is exported by default, without hashes, salts and the id that all rows share.
SELECT t.expires_at > now() AS live, CASE WHEN t.expires_at > now() THEN jsonb_build_object(
    'exported_at', now(),
    'subscriber', (
        SELECT to_jsonb(s) - '{address_key,privacy_key}'::text[]
        FROM lm_subscribers s WHERE s.id = t.subscriber_id),
    'consent_events', (
        SELECT coalesce(jsonb_agg(
            to_jsonb(e) - '{subscriber_id,salt,address_digest}'::text[] || jsonb_build_object(
                'text_hash', encode(e.text_hash, 'hex'), 'text', c.text) ORDER BY e.id), '[]')
        FROM lm_consent_events e LEFT JOIN lm_consent_texts c ON c.id = e.consent_text_id
        WHERE e.subscriber_id = t.subscriber_id),
    'consent_context', (
        SELECT coalesce(jsonb_agg(to_jsonb(x) ORDER BY x.event_id), '[]')
        FROM lm_consent_context x JOIN lm_consent_events e ON e.id = x.event_id
        WHERE e.subscriber_id = t.subscriber_id),
    'mails', (
        SELECT coalesce(jsonb_agg(
            to_jsonb(o) - '{subscriber_id,magnet_id}'::text[] || jsonb_build_object(
                'magnet', m.slug) ORDER BY o.id), '[]')
        FROM lm_outbox o LEFT JOIN lm_magnets m ON m.id = o.magnet_id
        WHERE o.subscriber_id = t.subscriber_id),
    'links', (
        SELECT coalesce(jsonb_agg(to_jsonb(l) - '{subscriber_id,token_hash}'::text[]
                                  ORDER BY l.id), '[]')
        FROM lm_download_tokens l WHERE l.subscriber_id = t.subscriber_id),
    'ses_events', (
        SELECT coalesce(jsonb_agg(to_jsonb(v) - '{subscriber_id}'::text[] ORDER BY v.id), '[]')
        FROM lm_ses_events v WHERE v.subscriber_id = t.subscriber_id)
) END AS held
FROM lm_download_tokens t
WHERE t.token_hash = %(token_hash)s AND t.kind = 'privacy';
