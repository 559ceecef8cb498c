-- name: checkup_server
SELECT split_part(current_setting('server_version'), ' ', 1) AS version,
       clock_timestamp() AS now;

-- name: checkup_former_tables
-- Tables of ProspectFlow's lead magnet under the names of ours: a column of each that ours does not
-- have. The application's role may see names where it may read nothing.
SELECT string_agg(c.relname, ', ' ORDER BY c.relname) AS names
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND (c.relname, a.attname) IN (
    ('lm_subscribers', 'unsubscribed_at'), ('lm_consent_events', 'event_type'),
    ('lm_download_tokens', 'purpose'));

-- name: checkup_rights
-- What the application's role could do and must not: rule the server, own a table of ours or the
-- ledger, or change what is append-only.
SELECT r.rolsuper AS superuser,
       EXISTS (
           SELECT FROM pg_class c
           WHERE c.relnamespace = 'public'::regnamespace AND c.relname ~ '^lm_'
             AND pg_has_role(c.relowner, 'USAGE')) AS owner,
       ARRAY(
           SELECT right_name || ' on ' || table_name
           FROM unnest('{lm_consent_events,lm_consent_seals,lm_erasures,lm_audit}'::text[])
                    AS table_name,
                unnest('{UPDATE,DELETE,TRUNCATE}'::text[]) AS right_name
           WHERE has_table_privilege(table_name, right_name)
              OR right_name = 'UPDATE' AND has_any_column_privilege(table_name, right_name)
           ORDER BY 1) AS rights
FROM pg_roles r WHERE r.rolname = current_user;

-- name: checkup_work
-- Whether a worker does its work: the request, the seal and the mail that have been due longest.
SELECT extract(epoch FROM now() - (SELECT seen_at FROM lm_worker_heartbeat))::float
           AS silent_seconds,
       (SELECT coalesce(extract(epoch FROM now() - min(accepted_at)), 0) FROM lm_requests
        WHERE failed_at IS NULL)::float AS request_seconds,
       (SELECT count(*) FROM lm_requests WHERE failed_at IS NOT NULL) AS failed_requests,
       coalesce(extract(epoch FROM now() - (
           SELECT e.recorded_at FROM lm_consent_events e
           WHERE e.id > coalesce((SELECT max(event_id) FROM lm_consent_seals), 0)
           ORDER BY e.id LIMIT 1)), 0)::float AS unsealed_seconds,
       (SELECT max(position) FROM lm_consent_seals) AS position,
       coalesce(extract(epoch FROM now() - (
           SELECT min(due_at) FROM lm_outbox WHERE state = 'queued' AND due_at <= now())), 0)::float
           AS overdue_seconds,
       (SELECT count(*) FROM lm_outbox WHERE state = 'dead') AS dead,
       (SELECT coalesce(hold_reason, pause_reason) FROM lm_send_limiter) AS paused;

-- name: checkup_bounce
SELECT id FROM lm_ses_events
WHERE received_at > %(since)s AND type = 'Bounce' AND subscriber_id IS NULL
LIMIT 1;
