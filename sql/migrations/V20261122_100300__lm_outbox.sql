-- Mails to send, written by the transaction that caused them.
CREATE TABLE lm_outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Nobody, for a mail to the studio's owner, whose address is a setting.
    subscriber_id uuid REFERENCES lm_subscribers ON DELETE CASCADE,
    -- `confirm` asks for the opt-in; a claim makes it a `download`, with a link to the file alone,
    -- where the subscriber has confirmed already. `privacy` leads to what is held about the person.
    -- `week` tells the owner how the guides did, `webhook` that an endpoint was disabled.
    kind text NOT NULL DEFAULT 'confirm' CHECK (
        kind IN ('confirm', 'download', 'privacy', 'week', 'webhook')),
    magnet_id bigint REFERENCES lm_magnets,
    locale text NOT NULL CHECK (locale IN ('fr', 'en')),
    -- The texts agreed to in the page: what a confirmation will confirm.
    consents text[] NOT NULL DEFAULT '{}',
    -- When the person asked for it, which may be some time before this row was written.
    asked_at timestamptz NOT NULL DEFAULT now(),
    -- How many mails its network had asked for before it in an hour: those of quiet networks go
    -- first. A mail about the person's rights is before all others, with -1.
    turn integer NOT NULL DEFAULT 0,
    -- That network, as a keyed hash, until the mail is gone: to see and drop a flood.
    network_key bytea,
    state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sent', 'dead', 'cancelled')),
    -- When the row may be claimed. A claim moves it to the end of the lease, so that a row whose
    -- worker died is simply due again.
    due_at timestamptz NOT NULL DEFAULT now(),
    -- Grows with each claim: the fencing token that a late worker no longer matches.
    claims integer NOT NULL DEFAULT 0,
    claimed_at timestamptz,
    -- Calls to SES, counted before they are made; and those of them whose outcome is unknown,
    -- because the worker died or the answer was lost.
    attempts integer NOT NULL DEFAULT 0,
    unknown_outcomes integer NOT NULL DEFAULT 0,
    -- Why the latest attempt did not send it, as a word and in SES's own, without addresses.
    reason text,
    sentence text,
    message_id text,
    sent_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT lm_outbox_magnet CHECK ((kind IN ('confirm', 'download')) = (magnet_id IS NOT NULL)),
    CONSTRAINT lm_outbox_recipient CHECK ((kind IN ('week', 'webhook')) = (subscriber_id IS NULL)),
    CONSTRAINT lm_outbox_sent CHECK ((state = 'sent') = (sent_at IS NOT NULL))
) WITH (fillfactor = 85);

CREATE INDEX lm_outbox_due ON lm_outbox (turn, due_at) WHERE state = 'queued';
CREATE INDEX lm_outbox_subscriber ON lm_outbox (subscriber_id);
-- One mail to the owner for each week, which began at `asked_at`.
CREATE UNIQUE INDEX lm_outbox_week ON lm_outbox (asked_at) WHERE kind = 'week';
