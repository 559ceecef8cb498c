-- How often something happened in a window, without naming anybody: keys are HMAC-SHA256.

-- Counts one more under `counted`: its number, or NULL when there were `at_most` in the window.
-- A window starts with its first count; refused ones do not prolong it. The upsert's WHERE sees the
-- newest row after any wait for its lock, so that concurrent callers cannot exceed the limit.
CREATE OR REPLACE FUNCTION lm_limit_count(counted bytea, at_most integer, lasting interval)
RETURNS integer
LANGUAGE sql AS $$
    INSERT INTO public.lm_signup_limits AS l (key, ends_at)
    VALUES (counted, now() + lasting)
    ON CONFLICT (key) DO UPDATE
    SET n = CASE WHEN l.ends_at <= now() THEN 1 ELSE l.n + 1 END,
        ends_at = CASE WHEN l.ends_at <= now() THEN excluded.ends_at ELSE l.ends_at END
    WHERE l.ends_at <= now() OR l.n < at_most
    RETURNING n
$$;

-- When the last of these limits ends that is reached now; NULL while none is. Reads only. OFFSET 0
-- looks up each key by itself: a join that was planned while the table was empty would read the
-- whole of it from then on.
CREATE OR REPLACE FUNCTION lm_limits_reached_until(keys bytea[], at_most integer[])
RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT max(reached.ends_at)
    FROM unnest(keys, at_most) AS wanted (key, at_most)
    CROSS JOIN LATERAL (
        SELECT n, ends_at FROM public.lm_signup_limits WHERE key = wanted.key OFFSET 0
    ) AS reached
    WHERE reached.n >= wanted.at_most AND reached.ends_at > now()
$$;

-- Counts one more for a client's networks, from the narrowest to the widest: its number in the
-- widest, or NULL when one of them has had its share. A refused one writes nothing, unless another
-- took the last place at the same moment. Everybody locks the rows in the same order. The plan
-- is kept, and one for all arguments: planning this anew would cost more than the rest of a
-- request.
CREATE OR REPLACE FUNCTION lm_network_count(keys bytea[], at_most integer[]) RETURNS integer
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    place integer;
BEGIN
    WITH counted AS (
        INSERT INTO public.lm_signup_limits AS l (key, ends_at)
        SELECT key, now() + interval '1 hour' FROM unnest(keys) AS key
        WHERE public.lm_limits_reached_until(keys, at_most) IS NULL
        ON CONFLICT (key) DO UPDATE
        SET n = CASE WHEN l.ends_at <= now() THEN 1 ELSE l.n + 1 END,
            ends_at = CASE WHEN l.ends_at <= now() THEN excluded.ends_at ELSE l.ends_at END
        RETURNING key, n
    )
    SELECT CASE WHEN bool_and(counted.n <= wanted.at_most) THEN max(counted.n) END
    INTO place
    FROM counted
    JOIN unnest(keys, at_most) AS wanted (key, at_most) ON wanted.key = counted.key;
    RETURN place;
END
$$;

-- The rule that keeps a mailbox from being flooded: at most MAILS_PER_MAILBOX mails in
-- MAILS_PER_MAILBOX_DAYS, whatever asks for them; as many privacy links, counted under another key.
-- Who queues a mail first asks `lm_mailbox_full`, so that nothing is written about a person who
-- gets none, then counts it with `lm_limit_count` under the same key, which refuses one of two at
-- once.

-- What a subscriber's mails are counted under: the keyed hash of their folded address, or of
-- their own id where they did not come by a signup.
CREATE OR REPLACE FUNCTION lm_mailbox_key(subscriber lm_subscribers) RETURNS bytea
LANGUAGE sql IMMUTABLE
RETURN coalesce((subscriber).address_key, sha256(uuid_send((subscriber).id)));

CREATE OR REPLACE FUNCTION lm_mailbox_full(mailbox bytea, mailbox_limit integer) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT public.lm_limits_reached_until(ARRAY[mailbox], ARRAY[mailbox_limit]) IS NOT NULL
$$;
