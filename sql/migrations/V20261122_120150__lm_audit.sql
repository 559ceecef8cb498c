-- Who did what, when and to whom, in the admin API and by command. Append-only for everybody,
-- sealed like the ledger, and without addresses: a subscriber is their random id, which outlives an
-- erasure in the tombstone, too.
CREATE TABLE lm_audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Dated by the trigger below.
    occurred_at timestamptz NOT NULL,
    -- `key:<name>` or `oidc:<sub>`, as it was then: a key's row may change, this does not. Or
    -- `operator`, at the command line.
    actor text NOT NULL CHECK (actor ~ '^((key|oidc):.|operator$)' AND length(actor) <= 250),
    -- The word of the permission that the act takes, such as `subscribers:erase`, or of what a
    -- command did.
    action text NOT NULL CHECK (action ~ '^[a-z]+:[a-z]+$'),
    outcome text NOT NULL CHECK (outcome IN ('done', 'refused')),
    -- No foreign key: that somebody was erased is part of the audit.
    subscriber_id uuid,
    detail jsonb NOT NULL DEFAULT '{}',
    request_id text,
    -- For what is noted once a day: reading a person's record, a refusal.
    once_on date
);

CREATE INDEX lm_audit_subscriber ON lm_audit (subscriber_id) WHERE subscriber_id IS NOT NULL;
-- What a copy of an export is compared with.
CREATE INDEX lm_audit_exports ON lm_audit (id) WHERE action = 'subscribers:export';
CREATE UNIQUE INDEX lm_audit_once ON lm_audit (actor, action, outcome, subscriber_id, once_on)
    NULLS NOT DISTINCT WHERE once_on IS NOT NULL;

CREATE FUNCTION lm_audit_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.occurred_at := clock_timestamp();
    RETURN NEW;
END
$$;

CREATE TRIGGER lm_audit_stamp BEFORE INSERT ON lm_audit
    FOR EACH ROW EXECUTE FUNCTION lm_audit_stamp();
CREATE TRIGGER lm_audit_guard BEFORE UPDATE OR DELETE ON lm_audit
    FOR EACH ROW EXECUTE FUNCTION lm_append_only();
CREATE TRIGGER lm_audit_truncate BEFORE TRUNCATE ON lm_audit
    EXECUTE FUNCTION lm_append_only();
