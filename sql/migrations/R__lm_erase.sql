-- Erases a person: their waiting requests, their row, all that hangs on it, their counts, and
-- leaves the tombstone. With an erasing link, what that did is kept as long as it works. It runs as
-- the owner, so that the application can erase a person but delete nothing else, and no one without
-- a tombstone. False when they are not there.
CREATE OR REPLACE FUNCTION lm_erase(
    erased_subscriber uuid, erased_by text, token_hash bytea, address_hash bytea
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    old_records bigint := 0;
    request_found boolean;
BEGIN
    -- The tables of a former system that were set aside hold the same person.
    IF to_regclass('public.lm_old_subscribers') IS NOT NULL THEN
        EXECUTE 'DELETE FROM public.lm_old_subscribers o
            WHERE o.id = $1
               OR o.id IN (SELECT f.former_id FROM lm_former_ids f WHERE f.subscriber_id = $1)
               OR lower(o.email) = (SELECT s.email FROM lm_subscribers s WHERE s.id = $1)'
        USING erased_subscriber;
        GET DIAGNOSTICS old_records = ROW_COUNT;
    END IF;
    -- What still waits to be settled goes first, as a worker locks a request before its subscriber.
    -- After a restore, the signup that made the subscriber may be one of these, without the row.
    DELETE FROM lm_requests r
    WHERE r.email IN (
           SELECT s.email FROM lm_subscribers s WHERE s.id = erased_subscriber
           UNION ALL
           SELECT w.email FROM lm_requests w WHERE w.subscriber_id = erased_subscriber)
       OR r.token_hash IN (
           SELECT t.token_hash FROM lm_download_tokens t WHERE t.subscriber_id = erased_subscriber);
    request_found := FOUND;
    -- In the order in which the worker's claim takes them: first the mail, then its subscriber.
    PERFORM FROM lm_outbox o WHERE o.subscriber_id = erased_subscriber ORDER BY o.id FOR UPDATE;
    PERFORM FROM lm_subscribers s WHERE s.id = erased_subscriber FOR UPDATE;
    IF NOT FOUND AND old_records = 0 AND NOT request_found THEN
        RETURN false;
    END IF;
    INSERT INTO lm_erasures AS e (subscriber_id, erased_by, address_hash)
    VALUES (erased_subscriber, lm_erase.erased_by, lm_erase.address_hash)
    ON CONFLICT (subscriber_id) DO NOTHING;
    INSERT INTO lm_erasure_links (token_hash, objected, expires_at)
    SELECT t.token_hash, lm_erase.address_hash IS NOT NULL, t.expires_at
    FROM lm_download_tokens t WHERE t.token_hash = lm_erase.token_hash
    ON CONFLICT DO NOTHING;
    DELETE FROM lm_signup_limits l USING lm_subscribers s
    WHERE s.id = erased_subscriber AND l.key IN (s.address_key, s.privacy_key);
    DELETE FROM lm_subscribers s WHERE s.id = erased_subscriber;
    RETURN true;
END
$$;

REVOKE ALL ON FUNCTION lm_erase FROM PUBLIC;
