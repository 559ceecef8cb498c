-- What the application's role may do: all of it, in one place.
--
-- The role's name is the custom setting `leadmagnet.app_role`, by default lm_app. Where the role
-- bears another name: ALTER DATABASE … SET leadmagnet.app_role = '…', or Flyway's initSql
-- SET leadmagnet.app_role = '…'. A role that does not exist is passed over with a notice.
DO $grants$
DECLARE
    app text := coalesce(nullif(current_setting('leadmagnet.app_role', true), ''), 'lm_app');
    ours record;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = app) THEN
        RAISE NOTICE 'role % does not exist: nothing is granted', app;
        RETURN;
    END IF;

    -- ALTER DEFAULT PRIVILEGES of a shared database may have given the role everything when the
    -- tables were made. Tables of an older lead magnet that stand beside ours are left alone.
    FOR ours IN
        SELECT c.oid::regclass AS name,
               CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind
        FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S')
          AND c.relname ~ '^lm_' AND c.relname !~ '^lm_(old|email|nurture)_'
          AND pg_has_role(c.relowner, 'USAGE')
    LOOP
        EXECUTE format('REVOKE ALL ON %s %s FROM PUBLIC, %I', ours.kind, ours.name, app);
    END LOOP;
    -- Nor does another role write to our tables, like that of the system that was here before.
    FOR ours IN
        SELECT DISTINCT c.oid::regclass AS name, pg_get_userbyid(x.grantee) AS writer
        FROM pg_class c, aclexplode(c.relacl) x
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
          AND c.relname ~ '^lm_' AND c.relname !~ '^lm_(old|email|nurture)_'
          AND pg_has_role(c.relowner, 'USAGE')
          AND x.grantee NOT IN (0, c.relowner) AND x.privilege_type <> 'SELECT'
    LOOP
        EXECUTE format('REVOKE INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER, MAINTAIN
            ON %s FROM %I', ours.name, ours.writer);
    END LOOP;
    FOR ours IN
        SELECT p.oid::regprocedure AS name FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace AND p.proname ~ '^lm_'
          AND pg_has_role(p.proowner, 'USAGE')
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM %I', ours.name, app);
    END LOOP;

    EXECUTE format('GRANT SELECT ON lm_magnets, lm_magnet_files, lm_consent_texts,
        lm_subscribers, lm_outbox, lm_download_tokens, lm_downloads, lm_consent_events,
        lm_consent_context, lm_consent_seals, lm_seal_key, lm_sealed, lm_erasures, lm_erasure_links,
        lm_suppressions, lm_send_limiter, lm_ses_events, lm_requests, lm_worker_heartbeat,
        lm_former_ids, lm_admin_keys, lm_audit, lm_erased_counts, lm_figures, lm_webhook_endpoints,
        lm_webhook_events, lm_webhook_recipients, lm_erasure_notices TO %I', app);

    EXECUTE format('GRANT UPDATE (last_used_on) ON lm_admin_keys TO %I', app);
    EXECUTE format('GRANT INSERT (actor, action, outcome, subscriber_id, detail, request_id,
        once_on) ON lm_audit TO %I', app);

    EXECUTE format('GRANT INSERT (name, url, kinds, include_email) ON lm_webhook_endpoints TO %I',
        app);
    EXECUTE format('GRANT UPDATE (secret_version, former_until, failing_since, resting_until,
        disabled_at, disabled_why) ON lm_webhook_endpoints TO %I', app);
    EXECUTE format('GRANT INSERT (endpoint_id, kind) ON lm_webhook_events TO %I', app);
    EXECUTE format('GRANT UPDATE (state, due_at, claims, leased_until, attempts, reason,
        finished_at) ON lm_webhook_events TO %I', app);
    EXECUTE format('GRANT DELETE ON lm_webhook_events TO %I', app);
    EXECUTE format('GRANT INSERT (subscriber_id, endpoint_id, address) ON lm_webhook_recipients
        TO %I', app);
    EXECUTE format('GRANT UPDATE (acknowledged_at) ON lm_erasure_notices TO %I', app);

    -- The studio's owner changes what is offered by the admin API; a slug stays what it is.
    EXECUTE format('GRANT INSERT (slug, title, description, file_name) ON lm_magnets TO %I', app);
    EXECUTE format('GRANT UPDATE (title, description, file_name, s3_key, file_missing_since,
        retired_at, version) ON lm_magnets TO %I', app);
    EXECUTE format('GRANT INSERT (id, magnet_id, sha256, size_bytes, s3_key) ON lm_magnet_files
        TO %I', app);
    EXECUTE format('GRANT UPDATE (activated_at) ON lm_magnet_files TO %I', app);
    -- A text that was agreed to is never changed: a trigger lets it be retired, and no more.
    EXECUTE format('GRANT INSERT (id, magnet_id, purpose, locale, text, policy_version,
        policy_url) ON lm_consent_texts TO %I', app);
    EXECUTE format('GRANT UPDATE (retired_at) ON lm_consent_texts TO %I', app);

    EXECUTE format('GRANT INSERT (id, email, address_key, locale, source, asked_consents) ON
        lm_subscribers TO %I', app);
    EXECUTE format('GRANT UPDATE (address_key, privacy_key, status, status_at, newsletter,
        newsletter_at, locale, asked_at, asked_consents, privacy_asked_at, confirmed_at, not_me_at)
        ON lm_subscribers TO %I', app);

    EXECUTE format('GRANT INSERT (subscriber_id, kind, magnet_id, locale, consents, due_at,
        asked_at, turn, network_key) ON lm_outbox TO %I', app);
    EXECUTE format('GRANT UPDATE (state, due_at, claims, claimed_at, attempts, unknown_outcomes,
        kind, reason, sentence, message_id, sent_at, network_key) ON lm_outbox TO %I', app);

    EXECUTE format('GRANT UPDATE (next_at, hour_ends_at, hour_mails, throttles, throttled_at,
        pause_reason, pause_sentence, odd_reason, odd_mails, hold_reason, resumed_at, database_id)
        ON lm_send_limiter TO %I', app);

    EXECUTE format('GRANT UPDATE (seen_at) ON lm_worker_heartbeat TO %I', app);
    EXECUTE format('GRANT SELECT, INSERT (category, failing, skipped) ON lm_doctor_verdicts
        TO %I', app);
    EXECUTE format('GRANT UPDATE (failing, skipped, checked_at) ON lm_doctor_verdicts
        TO %I', app);

    EXECUTE format('GRANT INSERT (token_hash, kind, subscriber_id, outbox_id, expires_at)
        ON lm_download_tokens TO %I', app);
    EXECUTE format('GRANT UPDATE (use_count) ON lm_download_tokens TO %I', app);
    EXECUTE format('GRANT DELETE ON lm_download_tokens TO %I', app);
    EXECUTE format('GRANT INSERT (subscriber_id, file_id), UPDATE (times), DELETE ON lm_downloads
        TO %I', app);

    EXECUTE format('GRANT INSERT (subscriber_id, type, purpose, consent_text_id, locale, gesture,
        request_id) ON lm_consent_events TO %I', app);
    EXECUTE format('GRANT INSERT (event_id, ip, user_agent) ON lm_consent_context TO %I', app);
    EXECUTE format('GRANT DELETE ON lm_consent_context TO %I', app);

    EXECUTE format('GRANT DELETE ON lm_erasure_links TO %I', app);
    EXECUTE format('GRANT EXECUTE ON FUNCTION lm_erase, lm_extend_chain TO %I', app);
    EXECUTE format('GRANT INSERT (address_hash) ON lm_suppressions TO %I', app);

    EXECUTE format('GRANT INSERT (message_id, subscriber_id, outbox_id, type, detail)
        ON lm_ses_events TO %I', app);

    -- Not when it was accepted, nor the id of its subscriber.
    EXECUTE format('GRANT INSERT (kind, email, token_hash, magnet_id, consents, locale, source,
        discard, network_key, turn, ip, user_agent) ON lm_requests TO %I', app);
    EXECUTE format('GRANT UPDATE (attempts, due_at, failed_at, reason) ON lm_requests TO %I', app);
    EXECUTE format('GRANT DELETE ON lm_requests TO %I', app);

    EXECUTE format('GRANT EXECUTE ON FUNCTION lm_limit_count, lm_limits_reached_until,
        lm_network_count, lm_mailbox_key, lm_mailbox_full, lm_current_id, lm_asks_newsletter,
        lm_consent_record, lm_status_rank, lm_mailbox_provider, lm_cell TO %I', app);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON lm_signup_limits TO %I', app);
    EXECUTE format('GRANT SELECT, INSERT ON lm_request_outcomes TO %I', app);
    EXECUTE format('GRANT UPDATE (n) ON lm_request_outcomes TO %I', app);
END
$grants$;
