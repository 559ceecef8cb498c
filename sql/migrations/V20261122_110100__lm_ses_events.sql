-- What SES reported about our mails, as far as it is needed: no address, no payload. The message id
-- of SNS is the key, because SNS delivers at least once.
CREATE TABLE lm_ses_events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id text NOT NULL,
    -- One row for each subscriber it is about; one without a subscriber for any other event.
    subscriber_id uuid REFERENCES lm_subscribers ON DELETE CASCADE,
    outbox_id bigint,
    type text NOT NULL,
    detail text,
    received_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (message_id, subscriber_id)
);

CREATE INDEX lm_ses_events_subscriber ON lm_ses_events (subscriber_id);
CREATE INDEX lm_ses_events_received ON lm_ses_events (received_at);
