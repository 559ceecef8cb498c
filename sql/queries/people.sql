-- name: people_page
-- Newest first, from the last row of the page before: an OFFSET would drift while people sign up.
SELECT s.id, s.email, s.status, s.newsletter, s.source, s.locale, s.created_at, s.confirmed_at
FROM lm_people(
    %(before_at)s, %(before_id)s, %(status)s, %(newsletter)s, %(source)s, %(asked_from)s,
    %(asked_before)s, %(magnet_id)s, %(without_file)s, %(mail_dead)s) s
ORDER BY s.created_at DESC, s.id DESC
LIMIT %(limit)s;

-- name: people_by_address
-- The same, of addresses from `address` to `last`, which is itself, or the end of those that begin
-- like it. The operators are those of the index, whatever the collation.
SELECT s.id, s.email, s.status, s.newsletter, s.source, s.locale, s.created_at, s.confirmed_at
FROM lm_people(
    %(before_at)s, %(before_id)s, %(status)s, %(newsletter)s, %(source)s, %(asked_from)s,
    %(asked_before)s, %(magnet_id)s, %(without_file)s, %(mail_dead)s) s
WHERE s.email ~>=~ %(address)s::text AND s.email ~<=~ %(last)s::text
ORDER BY s.created_at DESC, s.id DESC
LIMIT %(limit)s;

-- name: people_email
SELECT email FROM lm_subscribers WHERE id = %(subscriber_id)s;

-- name: people_story
-- Everything about one person, from one snapshot. What may be done is decided by the predicates
-- that would refuse it.
SELECT to_jsonb(s) - '{address_key,privacy_key,asked_consents}'::text[] AS subscriber,
    (SELECT coalesce(jsonb_agg(jsonb_build_object(
         'id', e.id, 'type', e.type, 'purpose', e.purpose, 'gesture', e.gesture,
         'occurred_at', e.occurred_at, 'text_id', e.consent_text_id, 'text', c.text,
         'locale', e.locale, 'policy_version', e.policy_version, 'policy_url', e.policy_url,
         'seal', seal.position, 'sealed_at', seal.sealed_at,
         'claim', e.claim, 'ip', host(x.ip), 'user_agent', x.user_agent) ORDER BY e.id), '[]')
     FROM lm_consent_events e
     LEFT JOIN lm_consent_texts c ON c.id = e.consent_text_id
     LEFT JOIN lm_consent_seals seal ON seal.event_id = e.id
     LEFT JOIN lm_consent_context x ON x.event_id = e.id
     WHERE e.subscriber_id = s.id) AS events,
    (SELECT coalesce(jsonb_agg(jsonb_build_object(
         'id', o.id, 'kind', o.kind, 'magnet', m.slug, 'state', o.state, 'reason', o.reason,
         'sentence', o.sentence, 'created_at', o.created_at, 'sent_at', o.sent_at,
         'links_used', (SELECT coalesce(sum(t.use_count), 0) FROM lm_download_tokens t
                        WHERE t.outbox_id = o.id),
         'provider', (SELECT coalesce(jsonb_agg(jsonb_build_object('type', v.type,
                          'detail', v.detail, 'at', v.received_at) ORDER BY v.id), '[]')
                      FROM lm_ses_events v
                      WHERE v.subscriber_id = s.id AND v.outbox_id = o.id)) ORDER BY o.id), '[]')
     FROM lm_outbox o LEFT JOIN lm_magnets m ON m.id = o.magnet_id
     WHERE o.subscriber_id = s.id) AS mails,
    (SELECT coalesce(jsonb_agg(jsonb_build_object(
         'magnet', m.slug, 'sha256', encode(f.sha256, 'hex'), 'size_bytes', f.size_bytes,
         'first_at', d.first_at, 'times', d.times) ORDER BY d.first_at, f.id), '[]')
     FROM lm_downloads d
     JOIN lm_magnet_files f ON f.id = d.file_id
     JOIN lm_magnets m ON m.id = f.magnet_id
     WHERE d.subscriber_id = s.id) AS files,
    array_remove(ARRAY[
        'erase',
        CASE WHEN lm_may_unsubscribe(s) THEN 'unsubscribe' END,
        CASE WHEN lm_may_resend(s, %(cool_down)s::interval, %(mailbox_limit)s::int)
             THEN 'resend' END
    ], NULL) AS actions
FROM lm_subscribers s
WHERE s.id = %(subscriber_id)s;

-- name: people_resend
-- The latest mail once more. The WHERE sees the newest row after any wait for its lock, so that two
-- owners who click at once send one mail.
WITH latest_mail AS (
    SELECT magnet_id, locale, consents FROM lm_outbox
    WHERE subscriber_id = %(subscriber_id)s AND kind <> 'privacy'
    ORDER BY id DESC LIMIT 1
), asked_subscriber AS (
    UPDATE lm_subscribers s
    SET asked_at = now()
    FROM latest_mail
    WHERE s.id = %(subscriber_id)s
      AND lm_may_resend(s, %(cool_down)s::interval, %(mailbox_limit)s::int)
    RETURNING s.id, lm_mailbox_key(s) AS mailbox
), mailbox_counted AS MATERIALIZED (
    SELECT id, lm_limit_count(mailbox, %(mailbox_limit)s::int, %(mailbox_window)s::interval)
        AS place
    FROM asked_subscriber
), queued_mail AS (
    INSERT INTO lm_outbox (subscriber_id, magnet_id, locale, consents)
    SELECT c.id, l.magnet_id, l.locale, l.consents
    FROM mailbox_counted c, latest_mail l
    WHERE c.place IS NOT NULL
    RETURNING subscriber_id, consents
), recorded AS (
    SELECT lm_consent_record(subscriber_id, 'resend', 'operator', consents, NULL, NULL, NULL)
        AS events
    FROM queued_mail
)
SELECT EXISTS (SELECT FROM lm_subscribers WHERE id = %(subscriber_id)s) AS found,
       EXISTS (SELECT FROM recorded) AS queued,
       (SELECT count(pg_notify('lm_outbox', '')) FROM recorded) AS woken;
