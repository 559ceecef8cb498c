-- How many mails went in the last hour, asked for every few seconds.
CREATE INDEX lm_outbox_sent ON lm_outbox (sent_at) WHERE state = 'sent';
