-- name: export_begin
-- One export at a time, on all hosts: the lock ends with the transaction.
SELECT pg_try_advisory_xact_lock(hashtext('lm_export')) AS alone;

-- name: export_page
-- The next page of those who fit, newest first, each with what proves the newsletter's consent.
-- PostgreSQL writes the lines of the file: the process also serves visitors, and formatting rows
-- in Python would hold them up. The columns are in the order of `sheet.HEADINGS`.
WITH page AS (
    SELECT s.id, s.email, s.status, s.source, s.locale, s.created_at, s.confirmed_at, s.newsletter,
           proof.occurred_at AS consent_at, proof.consent_text_id AS text,
           proof.policy_version AS policy, proof.type AS proof,
           (SELECT position FROM lm_consent_seals WHERE event_id = proof.id) AS seal,
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
    LIMIT %(limit)s
), line AS (
    SELECT p.id, p.created_at, CASE WHEN %(delimiter)s::text IS NULL
        THEN json_build_object(
            'email', p.email, 'status', p.status, 'source', p.source, 'createdAt', p.created_at,
            'confirmedAt', p.confirmed_at, 'downloads', p.downloads, 'newsletter', p.newsletter,
            'newsletterConsentAt', p.consent_at, 'newsletterProof', p.proof,
            'newsletterText', p.text, 'newsletterPolicy', p.policy, 'newsletterSeal', p.seal,
            'mail', p.mail, 'locale', p.locale, 'id', p.id, 'export', %(export)s::text
        )::text || E'\n'
        ELSE array_to_string(ARRAY[
            lm_cell(p.email), lm_cell(words -> 'status' ->> p.status), lm_cell(p.source),
            lm_cell(to_char(p.created_at AT TIME ZONE zone, shape)),
            lm_cell(to_char(p.confirmed_at AT TIME ZONE zone, shape)),
            lm_cell(p.downloads::text), lm_cell(words -> 'newsletter' ->> p.newsletter::text),
            lm_cell(to_char(p.consent_at AT TIME ZONE zone, shape)),
            lm_cell(words -> 'proof' ->> p.proof), lm_cell(p.text), lm_cell(p.policy),
            lm_cell(p.seal::text), lm_cell(words -> 'mail' ->> p.mail), lm_cell(p.locale),
            lm_cell(p.id::text), lm_cell(%(export)s::text)
        ], %(delimiter)s) || E'\r\n' END AS text
    FROM page p, (
        SELECT %(words)s::jsonb AS words, %(zone)s::text AS zone,
               'YYYY-MM-DD HH24:MI:SS' AS shape
    ) AS told
)
SELECT count(*) AS rows, string_agg(text, '' ORDER BY created_at DESC, id DESC) AS lines,
       min(created_at) AS before_at, (array_agg(id ORDER BY created_at, id))[1] AS before_id
FROM line;

-- name: export_known
-- The export that a file is: by all of its bytes, or by an id that its rows carry.
SELECT occurred_at, actor, detail, detail ->> 'sha256' = %(sha256)s::text AS whole
FROM lm_audit
WHERE action = 'subscribers:export' AND outcome = 'done'
  AND (detail ->> 'sha256' = %(sha256)s OR detail ->> 'export' = ANY (%(ids)s::text[]))
ORDER BY whole DESC, id DESC
LIMIT 1;
