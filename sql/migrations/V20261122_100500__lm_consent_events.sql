-- The ledger: who agreed to which wording, when, by which gesture. Append-only for the
-- application's role, which may insert the named columns and nothing else; time and order are
-- the database's. An event without purpose is about all of them.
CREATE TABLE lm_consent_events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscriber_id uuid NOT NULL REFERENCES lm_subscribers ON DELETE CASCADE,
    type text NOT NULL
        CHECK (type IN ('signup', 'resend', 'confirm', 'unsubscribe', 'bounce', 'complaint')),
    purpose text CHECK (purpose IN ('delivery', 'newsletter')),
    consent_text_id text REFERENCES lm_consent_texts,
    policy_version text,
    locale text CHECK (locale IN ('fr', 'en')),
    gesture text NOT NULL
        CHECK (gesture IN ('signup_form', 'confirm_button', 'renew_button', 'unsubscribe_button',
                           'one_click', 'ses_event')),
    occurred_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT lm_consent_events_wording
        CHECK ((purpose IS NULL) = (consent_text_id IS NULL) AND (purpose IS NULL) = (policy_version IS NULL))
);

CREATE INDEX lm_consent_events_subscriber ON lm_consent_events (subscriber_id);
