-- Who is told of what happens: the studio's mailing tool, CRM or n8n. No secret is at rest: each
-- endpoint's is derived from WEBHOOK_KEY, its id and its version.
CREATE TABLE lm_webhook_endpoints (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(name) <= 50),
    -- Never logged: the path of such a URL is often a secret itself.
    url text NOT NULL CHECK (length(url) <= 2000),
    kinds text[] NOT NULL CHECK (cardinality(kinds) > 0 AND kinds <@ ARRAY[
        'subscriber.confirmed', 'subscriber.newsletter_changed', 'subscriber.unsubscribed',
        'subscriber.bounced', 'subscriber.complained', 'file.handed_out']),
    include_email boolean NOT NULL DEFAULT false,
    secret_version integer NOT NULL DEFAULT 1,
    -- After a rotation: until then everything is signed with the former secret, too.
    former_until timestamptz,
    -- The first failure since something was delivered.
    failing_since timestamptz,
    -- The consumer asked for a pause (Retry-After).
    resting_until timestamptz,
    disabled_at timestamptz,
    disabled_why text CHECK (disabled_why IN ('operator', 'gone', 'failing')),
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT lm_webhook_endpoints_disabled CHECK ((disabled_at IS NULL) = (disabled_why IS NULL))
);

-- One row for each event and endpoint. Nothing personal: what an event says is read from the
-- subscriber when it is sent. Without a foreign key, because an erasure's event outlives the
-- person.
CREATE TABLE lm_webhook_events (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    endpoint_id uuid NOT NULL REFERENCES lm_webhook_endpoints,
    kind text NOT NULL,
    subscriber_id uuid,
    magnet_id bigint REFERENCES lm_magnets,
    occurred_at timestamptz NOT NULL DEFAULT now(),
    state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'delivered', 'dead')),
    due_at timestamptz NOT NULL DEFAULT now(),
    -- The fencing token, as in lm_outbox.
    claims integer NOT NULL DEFAULT 0,
    leased_until timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    -- Why the latest attempt did not deliver it, as a word.
    reason text,
    finished_at timestamptz,
    CONSTRAINT lm_webhook_events_subscriber CHECK ((subscriber_id IS NULL) = (kind = 'ping')),
    CONSTRAINT lm_webhook_events_finished CHECK ((finished_at IS NULL) = (state = 'queued'))
) WITH (fillfactor = 85);

CREATE INDEX lm_webhook_events_due ON lm_webhook_events (endpoint_id, due_at)
    WHERE state = 'queued';
CREATE INDEX lm_webhook_events_in_hand ON lm_webhook_events (endpoint_id)
    WHERE leased_until IS NOT NULL;
CREATE INDEX lm_webhook_events_dead ON lm_webhook_events (endpoint_id) WHERE state = 'dead';
CREATE INDEX lm_webhook_events_subscriber ON lm_webhook_events (subscriber_id);

-- Which endpoints may know a person, and whether by address: these are told of the erasure
-- (article 19 GDPR).
CREATE TABLE lm_webhook_recipients (
    subscriber_id uuid NOT NULL REFERENCES lm_subscribers ON DELETE CASCADE,
    endpoint_id uuid NOT NULL REFERENCES lm_webhook_endpoints,
    address boolean NOT NULL,
    first_told_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (subscriber_id, endpoint_id)
);

-- Who was told of an erasure, whether they had the address or the id alone, and when they
-- acknowledged it. Stays with the tombstone, as the events do not.
CREATE TABLE lm_erasure_notices (
    subscriber_id uuid NOT NULL REFERENCES lm_erasures (subscriber_id),
    endpoint_id uuid NOT NULL REFERENCES lm_webhook_endpoints,
    address boolean NOT NULL,
    acknowledged_at timestamptz,
    PRIMARY KEY (subscriber_id, endpoint_id)
);

CREATE FUNCTION lm_webhook_record(event_kind text, subscriber uuid, magnet bigint, delay interval)
RETURNS void LANGUAGE sql SET search_path = public, pg_temp AS $$
    INSERT INTO lm_webhook_events (endpoint_id, kind, subscriber_id, magnet_id, due_at)
    SELECT e.id, event_kind, subscriber, magnet, now() + delay
    FROM lm_webhook_endpoints e
    WHERE e.disabled_at IS NULL AND event_kind = ANY (e.kinds)
$$;

-- Triggers, so that the row is part of whichever statement changes a subscriber. They run as the
-- owner: the application can tell nobody of what did not happen.
CREATE FUNCTION lm_webhook_subscriber_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.status <> OLD.status THEN
        PERFORM lm_webhook_record('subscriber.' || NEW.status, NEW.id, NULL, interval '0');
    END IF;
    IF NEW.newsletter <> OLD.newsletter THEN
        PERFORM lm_webhook_record('subscriber.newsletter_changed', NEW.id, NULL, interval '0');
    END IF;
    RETURN NULL;
END
$$;

-- Whoever never confirmed stays unknown to others: somebody else may have typed the address.
CREATE TRIGGER lm_webhook_subscriber_changed AFTER UPDATE OF status, newsletter ON lm_subscribers
    FOR EACH ROW WHEN (NEW.confirmed_at IS NOT NULL
        AND (NEW.status <> OLD.status OR NEW.newsletter <> OLD.newsletter))
    EXECUTE FUNCTION lm_webhook_subscriber_changed();

-- A file that cannot be signed takes the use of its link back, at once: the event waits for that.
CREATE FUNCTION lm_webhook_link_used() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.use_count > OLD.use_count THEN
        PERFORM lm_webhook_record('file.handed_out', NEW.subscriber_id,
            (SELECT o.magnet_id FROM lm_outbox o WHERE o.id = NEW.outbox_id), interval '5 s');
    ELSE
        DELETE FROM lm_webhook_events v
        WHERE v.subscriber_id = NEW.subscriber_id AND v.kind = 'file.handed_out' AND v.claims = 0
          AND v.occurred_at = (SELECT max(l.occurred_at) FROM lm_webhook_events l
                               WHERE l.subscriber_id = NEW.subscriber_id
                                 AND l.kind = 'file.handed_out');
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER lm_webhook_link_used AFTER UPDATE OF use_count ON lm_download_tokens
    FOR EACH ROW WHEN (NEW.use_count <> OLD.use_count) EXECUTE FUNCTION lm_webhook_link_used();

-- Whoever may know the person is told that they are erased; all other events about them go. A
-- waiting one becomes the erasure under a new id: a consumer may have seen the old one.
CREATE FUNCTION lm_webhook_subscriber_erased() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    WITH told AS (
        SELECT r.endpoint_id, r.address
        FROM lm_webhook_recipients r WHERE r.subscriber_id = OLD.id
        UNION ALL
        SELECT v.endpoint_id, false
        FROM lm_webhook_events v
        WHERE v.subscriber_id = OLD.id AND v.state = 'queued' AND v.kind <> 'subscriber.erased'
    ), noticed AS (
        INSERT INTO lm_erasure_notices (subscriber_id, endpoint_id, address)
        SELECT OLD.id, told.endpoint_id, bool_or(told.address) FROM told GROUP BY told.endpoint_id
        -- A restored backup brought the person back.
        ON CONFLICT (subscriber_id, endpoint_id) DO UPDATE SET acknowledged_at = NULL
        RETURNING endpoint_id
    )
    INSERT INTO lm_webhook_events (endpoint_id, kind, subscriber_id)
    SELECT noticed.endpoint_id, 'subscriber.erased', OLD.id FROM noticed;
    DELETE FROM lm_webhook_events v
    WHERE v.subscriber_id = OLD.id AND v.kind <> 'subscriber.erased';
    RETURN OLD;
END
$$;

CREATE TRIGGER lm_webhook_subscriber_erased BEFORE DELETE ON lm_subscribers
    FOR EACH ROW EXECUTE FUNCTION lm_webhook_subscriber_erased();

REVOKE ALL ON FUNCTION lm_webhook_record, lm_webhook_subscriber_changed, lm_webhook_link_used,
    lm_webhook_subscriber_erased FROM PUBLIC;
