-- SES's events name a mail by its own id where our tag is missing; an operator asks for the dead.
CREATE INDEX lm_outbox_message ON lm_outbox (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX lm_outbox_dead ON lm_outbox (id) WHERE state = 'dead';
