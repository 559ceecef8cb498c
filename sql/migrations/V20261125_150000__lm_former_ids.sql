-- Ids that a subscriber had in the system this one replaced, where two records there were one
-- mailbox: the links in mails already sent carry them, and must still unsubscribe.
CREATE TABLE lm_former_ids (
    former_id uuid PRIMARY KEY,
    subscriber_id uuid NOT NULL REFERENCES lm_subscribers ON DELETE CASCADE
);

CREATE INDEX lm_former_ids_subscriber ON lm_former_ids (subscriber_id);
