-- name: export_begin
-- One export at a time, on all hosts: the lock ends with the transaction.
SELECT pg_try_advisory_xact_lock(hashtext('lm_export')) AS alone;

-- name: export_page
-- The next of those who fit, newest first, each with what proves the newsletter's consent.
SELECT s.id, s.email, s.status, s.source, s.locale, s.created_at, s.confirmed_at, s.newsletter,
       proof.occurred_at AS newsletter_consent_at, proof.consent_text_id AS newsletter_text,
       proof.policy_version AS newsletter_policy, proof.type AS newsletter_proof,
       (SELECT position FROM lm_consent_seals WHERE event_id = proof.id) AS newsletter_seal,
       (SELECT coalesce(sum(t.use_count), 0) FROM lm_download_tokens t
        WHERE t.subscriber_id = s.id AND t.kind <> 'privacy') AS downloads,
       (SELECT o.state FROM lm_outbox o
        WHERE o.subscriber_id = s.id AND o.kind <> 'privacy'
        ORDER BY o.id DESC LIMIT 1) AS mail
FROM lm_people(
    %(before_at)s, %(before_id)s, %(status)s, %(newsletter)s, %(source)s, %(asked_from)s,
    %(asked_before)s, %(magnet_id)s, %(without_file)s, %(mail_dead)s) s
LEFT JOIN LATERAL (
    SELECT e.id, e.type, e.occurred_at, e.consent_text_id, e.policy_version
    FROM lm_consent_events e
    WHERE s.newsletter AND e.subscriber_id = s.id AND e.purpose = 'newsletter'
      AND e.type IN ('confirm', 'import')
    ORDER BY e.type, e.id DESC
    LIMIT 1
) AS proof ON true
-- Who bounced keeps the consent, but receives nothing.
WHERE %(newsletter)s::boolean IS NULL OR s.status = 'confirmed'
ORDER BY s.created_at DESC, s.id DESC
LIMIT %(limit)s;

-- name: export_known
-- The export that a file is: by all of its bytes, or by an id that its rows carry.
SELECT occurred_at, actor, detail, detail ->> 'sha256' = %(sha256)s::text AS whole
FROM lm_audit
WHERE action = 'subscribers:export' AND outcome = 'done'
  AND (detail ->> 'sha256' = %(sha256)s OR detail ->> 'export' = ANY (%(ids)s::text[]))
ORDER BY whole DESC, id DESC
LIMIT 1;
