-- The ledger: who agreed to which text, when, by which action. Append-only for everyone, its
-- owner included. The application's role names a text; what that text said, under which policy,
-- to which address it applied, when it happened and when it was recorded are the database's. An
-- event without purpose is about all of them.
CREATE TABLE lm_consent_events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscriber_id uuid NOT NULL REFERENCES lm_subscribers ON DELETE CASCADE,
    type text NOT NULL
        CHECK (type IN
            ('signup', 'resend', 'confirm', 'unsubscribe', 'bounce', 'complaint', 'import')),
    purpose text CHECK (purpose IN ('delivery', 'newsletter')),
    consent_text_id text REFERENCES lm_consent_texts,
    text_hash bytea,
    policy_version text,
    policy_url text,
    locale text CHECK (locale IN ('fr', 'en')),
    gesture text CHECK (gesture IN ('signup_form', 'confirm_button', 'renew_button',
        'unsubscribe_button', 'one_click', 'ses_event', 'operator')),
    occurred_at timestamptz NOT NULL,
    -- When this row was written: seals and their order rest on it, for an act may be recorded late.
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The request that this row settled; it is deleted with the same commit.
    request_id bigint,
    -- What a record of a former system says, of which this is an import: evidence of that system,
    -- with the time and the kind of act that it claims.
    claim jsonb,
    -- Goes into the sealed digest and into that of the address, so that without the row no one can
    -- try out what was in it.
    salt bytea NOT NULL,
    -- SHA-256 of the salt and the address: the consent is of this address and no other.
    address_digest bytea NOT NULL CHECK (octet_length(address_digest) = 32),
    CONSTRAINT lm_consent_events_wording
        CHECK ((consent_text_id IS NULL) = (text_hash IS NULL)
            AND (consent_text_id IS NULL) = (policy_version IS NULL)
            AND (consent_text_id IS NULL) = (policy_url IS NULL)
            AND (consent_text_id IS NULL OR purpose IS NOT NULL)),
    CONSTRAINT lm_consent_events_gesture
        CHECK (gesture IS NOT NULL OR type IN ('bounce', 'complaint', 'import')),
    CONSTRAINT lm_consent_events_claim CHECK ((type = 'import') = (claim IS NOT NULL))
);

CREATE INDEX lm_consent_events_subscriber ON lm_consent_events (subscriber_id);
-- For the figures. Few rows: a signup and a confirmation write none here.
CREATE INDEX lm_consent_events_said_no ON lm_consent_events (subscriber_id)
    WHERE type IN ('unsubscribe', 'bounce', 'complaint');

-- With a fixed search_path, so that a temporary table cannot pose as ours.
CREATE FUNCTION lm_consent_event_stamp() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.salt IS NOT NULL THEN
        RAISE EXCEPTION 'a row of the ledger is stamped here and cannot be brought along'
            USING ERRCODE = 'restrict_violation',
                HINT = 'Restore the whole dump into an empty database, not its data alone.';
    END IF;
    NEW.recorded_at := clock_timestamp();
    NEW.occurred_at := NEW.recorded_at;
    IF NEW.request_id IS NOT NULL THEN
        -- The act was accepted earlier; its time is that of a request which waits, and is theirs.
        SELECT r.accepted_at INTO STRICT NEW.occurred_at
        FROM lm_requests r
        JOIN lm_subscribers s ON s.id = NEW.subscriber_id
        WHERE r.id = NEW.request_id
          AND CASE r.kind
              WHEN 'signup' THEN NEW.type = 'signup' AND r.email = s.email
              WHEN 'renewal' THEN NEW.type = 'resend' AND EXISTS (
                  SELECT FROM lm_download_tokens t
                  WHERE t.token_hash = r.token_hash AND t.subscriber_id = s.id)
          END;
    END IF;
    NEW.salt := uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid());
    NEW.address_digest := (
        SELECT sha256(NEW.salt || convert_to(s.email, 'UTF8'))
        FROM lm_subscribers s WHERE s.id = NEW.subscriber_id);
    NEW.text_hash := NULL;
    NEW.policy_version := NULL;
    NEW.policy_url := NULL;
    IF NEW.consent_text_id IS NOT NULL THEN
        SELECT t.purpose, t.text_hash, t.policy_version, t.policy_url, t.locale
        INTO NEW.purpose, NEW.text_hash, NEW.policy_version, NEW.policy_url, NEW.locale
        FROM lm_consent_texts t WHERE t.id = NEW.consent_text_id;
    END IF;
    RETURN NEW;
END
$$;

-- A row goes only with its subscriber: the cascade of an erasure, which deletes the parent first.
-- Returning NULL instead of raising would leave orphans; always raising would forbid erasures.
CREATE FUNCTION lm_consent_event_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF NOT EXISTS (SELECT FROM lm_subscribers WHERE id = OLD.subscriber_id) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'the ledger is append-only: % of lm_consent_events is refused', TG_OP
        USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER lm_consent_events_stamp BEFORE INSERT ON lm_consent_events
    FOR EACH ROW EXECUTE FUNCTION lm_consent_event_stamp();
CREATE TRIGGER lm_consent_events_guard BEFORE UPDATE OR DELETE ON lm_consent_events
    FOR EACH ROW EXECUTE FUNCTION lm_consent_event_guard();
-- Row triggers do not fire on TRUNCATE.
CREATE TRIGGER lm_consent_events_truncate BEFORE TRUNCATE ON lm_consent_events
    EXECUTE FUNCTION lm_consent_event_guard();

-- A consent belongs to one address: a person with another address is another subscriber.
CREATE FUNCTION lm_subscriber_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the id and the address of a subscriber never change'
        USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER lm_subscribers_guard BEFORE UPDATE OF id, email ON lm_subscribers
    FOR EACH ROW WHEN (OLD.id <> NEW.id OR OLD.email <> NEW.email)
    EXECUTE FUNCTION lm_subscriber_guard();
