-- Moving in where ProspectFlow's lead magnet lived: run once by the tables' owner, each step named
-- and in this order. Not among sql/queries, for the tables read here are only there during the
-- move.

-- name: prospectflow_tables
-- The three tables under their own names or set aside, by their columns.
SELECT c.relname AS name, array_agg(a.attname::text) AS columns
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
  AND c.relname ~ '^lm_(old_)?(subscribers|consent_events|download_tokens)$'
GROUP BY c.relname;

-- name: prospectflow_aside
-- Whatever of the three is there in the former shape: a pipeline's file of it also runs on a
-- database that never had them. Constraints and indexes first: they keep their names when a table
-- is renamed, and ours have those.
DO $aside$
DECLARE
    old_table text;
    part record;
    aside CONSTANT text := '\1lm_old_';
    prefix CONSTANT text := '^(idx_)?(lm_)?';
BEGIN
    FOR old_table IN
        SELECT c.table_name FROM information_schema.columns c
        WHERE c.table_schema = 'public' AND (c.table_name, c.column_name) IN (
            ('lm_subscribers', 'unsubscribed_at'), ('lm_consent_events', 'event_type'),
            ('lm_download_tokens', 'purpose'))
    LOOP
        FOR part IN
            SELECT conname AS name FROM pg_constraint
            WHERE conrelid = to_regclass(format('public.%I', old_table))
        LOOP
            EXECUTE format('ALTER TABLE public.%I RENAME CONSTRAINT %I TO %I', old_table, part.name,
                left(regexp_replace(part.name, prefix, aside), 63));
        END LOOP;
        FOR part IN
            SELECT c.relname AS name
            FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
            WHERE i.indrelid = to_regclass(format('public.%I', old_table))
              AND c.relname !~ '^(idx_)?lm_old_'
        LOOP
            EXECUTE format('ALTER INDEX public.%I RENAME TO %I', part.name,
                left(regexp_replace(part.name, prefix, aside), 63));
        END LOOP;
        -- Also of single columns. Nobody but the owner reads or writes them from here on.
        FOR part IN
            SELECT DISTINCT right_.grantee
            FROM pg_class c
            CROSS JOIN LATERAL (
                SELECT grantee FROM aclexplode(c.relacl)
                UNION
                SELECT x.grantee FROM pg_attribute a, aclexplode(a.attacl) x
                WHERE a.attrelid = c.oid
            ) right_
            WHERE c.oid = to_regclass(format('public.%I', old_table))
                AND right_.grantee <> c.relowner
        LOOP
            EXECUTE format('REVOKE ALL ON public.%I FROM %s', old_table, CASE part.grantee
                WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(part.grantee)) END);
        END LOOP;
        EXECUTE format('ALTER TABLE public.%I RENAME TO %I', old_table,
            regexp_replace(old_table, prefix, aside));
    END LOOP;
END
$aside$;

-- name: prospectflow_lock
-- One import at a time; and nobody changes the old tables meanwhile.
SELECT pg_try_advisory_xact_lock(7743383391) AS held;

-- name: prospectflow_stage
LOCK TABLE lm_old_subscribers, lm_old_consent_events, lm_old_download_tokens IN SHARE MODE;
-- Addresses as Python normalises them, or why it does not. The first hash is by HASH_KEY itself,
-- the others by the keys before it.
CREATE TEMPORARY TABLE moving_addresses (
    old_id uuid PRIMARY KEY, email text, address_key bytea, suppression_hashes bytea[], problem text
) ON COMMIT DROP;
CREATE TEMPORARY TABLE moving_people (
    old_id uuid PRIMARY KEY, outcome text NOT NULL, problem text, subscriber_id uuid, text_id text
) ON COMMIT DROP;
CREATE TEMPORARY TABLE moving_wordings (
    wording text, policy text, text_id text, PRIMARY KEY (wording, policy)
) ON COMMIT DROP;
CREATE TEMPORARY TABLE moving_tokens (
    old_id uuid PRIMARY KEY, token_hash bytea NOT NULL, subscriber_id uuid NOT NULL,
    outbox_id bigint
) ON COMMIT DROP;
CREATE TEMPORARY TABLE moving_events (
    event_id bigint PRIMARY KEY, subscriber_id uuid NOT NULL, text_id text, claim jsonb NOT NULL,
    ip inet, user_agent text, claimed_at timestamptz
) ON COMMIT DROP;

-- name: prospectflow_magnet
-- The magnet, with the privacy policy of its newest consent text.
SELECT m.id, (SELECT t.policy_url FROM lm_consent_texts t
              WHERE t.magnet_id = m.id ORDER BY t.created_at DESC, t.id LIMIT 1) AS policy_url
FROM lm_magnets m
WHERE m.slug = %(magnet)s;

-- name: prospectflow_addresses
SELECT id, email FROM lm_old_subscribers;

-- name: prospectflow_addresses_copy
COPY moving_addresses (old_id, email, address_key, suppression_hashes, problem) FROM STDIN;

-- name: prospectflow_people
-- What becomes of each. Of several records with one mailbox the strongest refusal is the one that
-- stays, with its id; a subscriber who is already here stays as they are.
ANALYZE moving_addresses;
WITH looked AS (
    SELECT o.id, a.email, o.status, o.created_at,
           CASE
               WHEN EXISTS (SELECT FROM lm_subscribers s WHERE s.id = o.id)
                   OR EXISTS (SELECT FROM lm_former_ids f WHERE f.former_id = o.id) THEN 'already'
               WHEN EXISTS (SELECT FROM lm_erasures x WHERE x.subscriber_id = o.id) THEN 'erased'
               WHEN a.problem IS NOT NULL OR lm_status_rank(o.status) IS NULL
                   OR suppressed.by_us THEN 'refused'
           END AS outcome,
           CASE
               WHEN a.problem IS NOT NULL THEN a.problem
               WHEN lm_status_rank(o.status) IS NULL THEN 'status_unknown'
               WHEN suppressed.by_us THEN 'objected'
               WHEN o.created_at IS NULL THEN 'time_missing'
               WHEN greatest(o.created_at, o.confirmed_at, o.unsubscribed_at) > now()
                   THEN 'time_in_the_future'
               WHEN o.status = 'confirmed' AND o.confirmed_at IS NULL THEN 'confirmed_without_time'
           END AS problem
    FROM lm_old_subscribers o
    JOIN moving_addresses a ON a.old_id = o.id
    CROSS JOIN LATERAL (
        SELECT EXISTS (SELECT FROM lm_suppressions x
                       WHERE x.address_hash = ANY (a.suppression_hashes)) AS by_us
    ) suppressed
), ranked AS (
    SELECT looked.*,
           first_value(id) OVER (PARTITION BY email ORDER BY lm_status_rank(status) DESC,
               created_at DESC NULLS LAST, id) AS strongest
    FROM looked
    WHERE outcome IS NULL
)
INSERT INTO moving_people (old_id, outcome, problem, subscriber_id)
SELECT id, outcome, problem, NULL FROM looked WHERE outcome IS NOT NULL
UNION ALL
SELECT r.id, CASE WHEN coalesce(s.id, r.strongest) = r.id THEN 'imported' ELSE 'merged' END,
       r.problem, coalesce(s.id, r.strongest)
FROM ranked r
LEFT JOIN lm_subscribers s ON s.email = r.email;
ANALYZE moving_people;

-- name: prospectflow_wordings
-- Each wording under its policy; where the former system kept none, a text that says so.
INSERT INTO moving_wordings (wording, policy, text_id)
SELECT wording, policy,
       'prospectflow-' || left(
           encode(sha256(convert_to(concat(policy, E'\n', wording), 'UTF8')), 'hex'), 16)
FROM (
    SELECT btrim(e.consent_text) AS wording,
           coalesce(nullif(btrim(e.privacy_policy_version), ''), 'unknown') AS policy
    FROM lm_old_consent_events e
    JOIN moving_people p ON p.old_id = e.subscriber_id AND p.outcome IN ('imported', 'merged')
    WHERE btrim(e.consent_text) <> ''
    UNION
    SELECT '(The former system kept no wording.)', 'unknown'
    FROM moving_people p
    WHERE p.outcome IN ('imported', 'merged') AND NOT EXISTS (
        SELECT FROM lm_old_consent_events e
        WHERE e.subscriber_id = p.old_id AND btrim(e.consent_text) <> '')
) shown;

-- name: prospectflow_texts
INSERT INTO lm_consent_texts
    (id, magnet_id, purpose, locale, text, policy_version, policy_url, retired_at)
SELECT text_id, %(magnet_id)s::bigint, 'delivery', %(locale)s::text, wording, policy,
       %(policy_url)s::text, now()
FROM moving_wordings
ORDER BY text_id
ON CONFLICT (id) DO NOTHING;

-- name: prospectflow_people_texts
-- The wording that each was shown last.
UPDATE moving_people p
SET text_id = (
    SELECT w.text_id
    FROM moving_wordings w
    WHERE (w.wording, w.policy) = (
        SELECT coalesce(max(shown.wording), '(The former system kept no wording.)'),
               coalesce(max(shown.policy), 'unknown')
        FROM (
            SELECT btrim(e.consent_text) AS wording,
                   coalesce(nullif(btrim(e.privacy_policy_version), ''), 'unknown') AS policy
            FROM lm_old_consent_events e
            WHERE e.subscriber_id = p.old_id AND btrim(e.consent_text) <> ''
            ORDER BY e.occurred_at DESC NULLS LAST, e.id
            LIMIT 1
        ) shown))
WHERE p.outcome IN ('imported', 'merged');

-- name: prospectflow_subscribers
-- Times of the future are now; the claim in the ledger keeps what the record says.
INSERT INTO lm_subscribers (id, email, address_key, status, status_at, newsletter, newsletter_at,
    locale, source, asked_at, asked_consents, confirmed_at, not_me_at, created_at)
SELECT o.id, a.email, a.address_key, o.status, least(now(), CASE o.status
           WHEN 'unsubscribed' THEN coalesce(o.unsubscribed_at, now())
           WHEN 'confirmed' THEN confirmed.at
           ELSE o.created_at END),
       %(newsletter)s::boolean AND o.status = 'confirmed',
       CASE WHEN %(newsletter)s::boolean AND o.status = 'confirmed' THEN now() END,
       %(locale)s::text,
       left(nullif(btrim(regexp_replace(o.source, '[[:cntrl:]]', '', 'g')), ''), 64),
       least(now(), o.created_at), ARRAY[p.text_id],
       CASE WHEN confirmed.at IS NOT NULL THEN least(now(), confirmed.at) END,
       CASE WHEN o.status = 'unsubscribed' AND confirmed.at IS NULL
           THEN least(now(), coalesce(o.unsubscribed_at, now())) END,
       least(now(), o.created_at)
FROM moving_people p
JOIN lm_old_subscribers o ON o.id = p.old_id
JOIN moving_addresses a ON a.old_id = p.old_id
CROSS JOIN LATERAL (
    SELECT CASE o.status WHEN 'confirmed' THEN coalesce(o.confirmed_at, o.created_at, now())
               ELSE o.confirmed_at END AS at
) confirmed
WHERE p.outcome = 'imported';

-- name: prospectflow_former_ids
INSERT INTO lm_former_ids (former_id, subscriber_id)
SELECT old_id, subscriber_id FROM moving_people WHERE outcome = 'merged';

-- name: prospectflow_suppressions
-- Who refused mail, and of whom nothing else can be imported, is never written to.
INSERT INTO lm_suppressions (address_hash)
SELECT DISTINCT a.suppression_hashes[1]
FROM moving_people p
JOIN moving_addresses a ON a.old_id = p.old_id
JOIN lm_old_subscribers o ON o.id = p.old_id
WHERE p.outcome = 'refused' AND a.suppression_hashes IS NOT NULL
  AND coalesce(o.status, '') NOT IN ('pending', 'confirmed')
ON CONFLICT DO NOTHING;

-- name: prospectflow_tokens
-- A hash that two records claim opens neither.
INSERT INTO moving_tokens (old_id, token_hash, subscriber_id, outbox_id)
SELECT t.id, t.token_hash, t.subscriber_id, nextval(pg_get_serial_sequence('lm_outbox', 'id'))
FROM (
    SELECT t.id, decode(t.token_hash, 'hex') AS token_hash, p.subscriber_id,
           count(*) OVER (PARTITION BY lower(t.token_hash)) AS claims
    FROM lm_old_download_tokens t
    JOIN moving_people p ON p.old_id = t.subscriber_id AND p.outcome IN ('imported', 'merged')
    WHERE t.token_hash ~ '^[0-9A-Fa-f]{64}$' AND t.expires_at IS NOT NULL
      AND t.purpose IN ('confirm_and_download', 'download_only')
) t
WHERE t.claims = 1
  AND NOT EXISTS (SELECT FROM lm_download_tokens ours WHERE ours.token_hash = t.token_hash);
ANALYZE moving_tokens;

-- name: prospectflow_outbox
-- The mail of each link went long ago, by the former system: `cancelled` is never claimed.
INSERT INTO lm_outbox (
    id, subscriber_id, kind, magnet_id, locale, consents, asked_at, state, reason, created_at)
OVERRIDING SYSTEM VALUE
SELECT m.outbox_id, m.subscriber_id,
       CASE t.purpose WHEN 'download_only' THEN 'download' ELSE 'confirm' END,
       %(magnet_id)s::bigint, %(locale)s::text, ARRAY[p.text_id], asked.at, 'cancelled', 'imported',
       asked.at
FROM moving_tokens m
JOIN lm_old_download_tokens t ON t.id = m.old_id
JOIN moving_people p ON p.old_id = t.subscriber_id
CROSS JOIN LATERAL (SELECT coalesce(least(now(), t.created_at), '-infinity') AS at) asked;

-- name: prospectflow_links
-- Uses are clamped to what a link may have here; one that had some left keeps one at least.
INSERT INTO lm_download_tokens
    (token_hash, kind, subscriber_id, outbox_id, expires_at, use_count, created_at)
SELECT m.token_hash, CASE t.purpose WHEN 'download_only' THEN 'download' ELSE 'confirm' END,
       m.subscriber_id, m.outbox_id, t.expires_at,
       CASE WHEN t.use_count >= t.max_uses THEN %(max_uses)s::int
            ELSE greatest(0, least(t.use_count, %(max_uses)s::int - 1)) END,
       coalesce(least(now(), t.created_at), now())
FROM moving_tokens m
JOIN lm_old_download_tokens t ON t.id = m.old_id;

-- name: prospectflow_claims
-- One for each old event, and a last one for the record itself: what the status rests on.
INSERT INTO moving_events (event_id, subscriber_id, text_id, claim, ip, user_agent, claimed_at)
SELECT nextval(pg_get_serial_sequence('lm_consent_events', 'id')), subscriber_id, text_id, claim,
       ip,
       user_agent, claimed_at
FROM (
    SELECT p.subscriber_id, w.text_id, e.ip, e.user_agent, e.occurred_at AS claimed_at, 0 AS place,
           jsonb_build_object('system', 'prospectflow', 'record', 'event', 'id', e.id,
               'type', e.event_type, 'occurred_at', e.occurred_at, 'wording', e.consent_text,
               'policy_version', e.privacy_policy_version) AS claim
    FROM moving_people p
    JOIN lm_old_consent_events e ON e.subscriber_id = p.old_id
    LEFT JOIN moving_wordings w ON w.wording = btrim(e.consent_text)
        AND w.policy = coalesce(nullif(btrim(e.privacy_policy_version), ''), 'unknown')
    WHERE p.outcome IN ('imported', 'merged')
    UNION ALL
    SELECT p.subscriber_id, p.text_id, NULL, NULL, NULL,
           CASE p.outcome WHEN 'merged' THEN 1 ELSE 2 END,
           jsonb_build_object('system', 'prospectflow',
               'record', CASE p.outcome WHEN 'merged' THEN 'merged' ELSE 'subscriber' END,
               'id', o.id, 'status', o.status, 'created_at', o.created_at,
               'confirmed_at', o.confirmed_at, 'unsubscribed_at', o.unsubscribed_at,
               'newsletter', %(newsletter)s::boolean AND o.status = 'confirmed'
                   AND p.outcome = 'imported')
           || CASE WHEN %(newsletter)s::boolean
                  THEN '{"newsletter_decided_by": "operator"}' ELSE '{}' END::jsonb
    FROM moving_people p
    JOIN lm_old_subscribers o ON o.id = p.old_id
    WHERE p.outcome IN ('imported', 'merged')
    ORDER BY subscriber_id, place, claimed_at NULLS FIRST
) claimed;

-- name: prospectflow_events
INSERT INTO lm_consent_events (id, subscriber_id, type, consent_text_id, claim)
OVERRIDING SYSTEM VALUE
SELECT event_id, subscriber_id, 'import', text_id, claim FROM moving_events ORDER BY event_id;

-- name: prospectflow_context
-- With their old dates, so that their time is over when it would have been.
INSERT INTO lm_consent_context (event_id, ip, user_agent, created_at)
SELECT event_id, ip, left(user_agent, 500), coalesce(least(now(), claimed_at), now())
FROM moving_events
WHERE ip IS NOT NULL OR user_agent IS NOT NULL;

-- name: prospectflow_outcomes
SELECT outcome, problem, count(*) AS people FROM moving_people
GROUP BY outcome, problem ORDER BY outcome, problem;

-- name: prospectflow_audit_run
-- How many people had which outcome.
INSERT INTO lm_audit (actor, action, outcome, detail)
SELECT 'operator', 'subscribers:import', 'done',
    jsonb_build_object('act', 'run') || coalesce(jsonb_object_agg(outcome, people), '{}')
FROM (SELECT outcome, count(*) AS people FROM moving_people GROUP BY outcome) AS outcomes;

-- name: prospectflow_links_left
-- Links of imported people that were not taken over: how many of them still worked.
SELECT count(*) AS links, count(*) FILTER (WHERE t.expires_at > now()) AS live
FROM lm_old_download_tokens t
JOIN moving_people p ON p.old_id = t.subscriber_id AND p.outcome IN ('imported', 'merged')
WHERE NOT EXISTS (SELECT FROM moving_tokens m WHERE m.old_id = t.id);

-- name: prospectflow_report
SELECT old_id, outcome, problem, subscriber_id FROM moving_people ORDER BY outcome, old_id;

-- name: prospectflow_states
-- The former state of each record beside the present one; NULL where there is none any more.
SELECT o.status AS former,
       CASE WHEN s.id IS NOT NULL THEN s.status WHEN x.subscriber_id IS NOT NULL THEN 'erased' END
           AS present,
       s.id IS NOT NULL AND s.id <> o.id AS merged, count(*) AS people
FROM lm_old_subscribers o
LEFT JOIN lm_subscribers s ON s.id = lm_current_id(o.id)
LEFT JOIN lm_erasures x ON x.subscriber_id = lm_current_id(o.id)
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3;

-- name: prospectflow_live_links
-- Old links that still work, of people who are here: how many there are, and how many are known
-- here.
SELECT count(*) AS links, count(ours.id) AS known
FROM lm_old_download_tokens t
JOIN lm_subscribers s ON s.id = lm_current_id(t.subscriber_id)
LEFT JOIN lm_download_tokens ours
    ON t.token_hash ~ '^[0-9A-Fa-f]{64}$' AND ours.token_hash = decode(t.token_hash, 'hex')
WHERE t.expires_at > now();

-- name: prospectflow_drop
DROP TABLE lm_old_download_tokens, lm_old_consent_events, lm_old_subscribers;

-- name: prospectflow_audit_drop
INSERT INTO lm_audit (actor, action, outcome, detail)
VALUES ('operator', 'subscribers:import', 'done', '{"act": "drop"}');

-- name: prospectflow_hold
-- Nobody acts here any more.
LOCK TABLE lm_consent_events, lm_requests IN SHARE MODE;

-- name: prospectflow_acts
-- What people have done here since, of which the old tables know nothing.
SELECT (SELECT count(*) FROM lm_consent_events WHERE type <> 'import')
     + (SELECT count(*) FROM lm_requests) AS acts;

-- name: prospectflow_back
-- Whatever our migrations made goes, and the old tables get their names again.
DO $back$
DECLARE
    command text;
    old_name text;
BEGIN
    -- An array: what a cursor reads later would name what is gone by then.
    FOREACH command IN ARRAY ARRAY(
        SELECT format('DROP %s IF EXISTS %s CASCADE',
                   CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, c.oid::regclass)
        FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v')
          AND c.relname ~ '^lm_' AND c.relname !~ '^lm_(old|email|nurture)_'
        UNION ALL
        SELECT format('DROP FUNCTION IF EXISTS %s CASCADE', p.oid::regprocedure)
        FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace AND p.proname ~ '^lm_')
    LOOP
        EXECUTE command;
    END LOOP;
    FOREACH old_name IN ARRAY '{subscribers,consent_events,download_tokens}'::text[] LOOP
        EXECUTE format('ALTER TABLE public.lm_old_%s RENAME TO lm_%1$s', old_name);
    END LOOP;
    IF to_regclass('public.flyway_schema_history') IS NOT NULL THEN
        -- Its own files have three underscores.
        DELETE FROM public.flyway_schema_history WHERE script ~ '[^_]__lm_';
    END IF;
END
$back$;
