-- What is left of an erased person: that the row with this random id existed and was erased. Kept
-- so that a restored backup can be cleaned again, and so that the ledger can tell an erasure from
-- a removal. Append-only for everyone.
CREATE TABLE lm_erasures (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscriber_id uuid NOT NULL UNIQUE,
    erased_at timestamptz NOT NULL,
    erased_by text NOT NULL CHECK (erased_by IN ('person', 'operator', 'retention', 'reapply')),
    -- The suppression that went with it, so that an objection survives a restore, too.
    address_hash bytea CHECK (octet_length(address_hash) = 32)
);

CREATE FUNCTION lm_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'append-only: % of % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$;

-- The time cannot be chosen: a tombstone excuses the absence of events from then on.
CREATE FUNCTION lm_erasure_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.erased_at := clock_timestamp();
    RETURN NEW;
END
$$;

CREATE TRIGGER lm_erasures_stamp BEFORE INSERT ON lm_erasures
    FOR EACH ROW EXECUTE FUNCTION lm_erasure_stamp();
CREATE TRIGGER lm_erasures_guard BEFORE UPDATE OR DELETE ON lm_erasures
    FOR EACH ROW EXECUTE FUNCTION lm_append_only();
CREATE TRIGGER lm_erasures_truncate BEFORE TRUNCATE ON lm_erasures
    EXECUTE FUNCTION lm_append_only();

-- No subscriber goes without a tombstone, whichever role and statement deletes the row.
CREATE FUNCTION lm_subscriber_tombstone() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO lm_erasures (subscriber_id, erased_by) VALUES (OLD.id, 'operator')
    ON CONFLICT (subscriber_id) DO NOTHING;
    RETURN OLD;
END
$$;

CREATE TRIGGER lm_subscribers_tombstone BEFORE DELETE ON lm_subscribers
    FOR EACH ROW EXECUTE FUNCTION lm_subscriber_tombstone();

-- And none comes back under the id of one who was erased: the ledger takes its tombstone as the
-- reason why events are missing. A restore loads its rows before there are triggers.
CREATE FUNCTION lm_subscriber_id_unused() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM lm_erasures WHERE subscriber_id = NEW.id) THEN
        RAISE EXCEPTION 'the subscriber % was erased: the id is not used again', NEW.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER lm_subscribers_id_unused BEFORE INSERT ON lm_subscribers
    FOR EACH ROW EXECUTE FUNCTION lm_subscriber_id_unused();

-- What an erasing link did, so that a second click on its button gets the same answer. Not part of
-- the tombstone, and gone soon after the link has expired: nothing of the mail is to be kept.
CREATE TABLE lm_erasure_links (
    token_hash bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    objected boolean NOT NULL,
    expires_at timestamptz NOT NULL
);
