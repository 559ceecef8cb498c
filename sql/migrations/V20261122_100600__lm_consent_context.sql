-- Technical context of an event, apart from it because it is kept for a shorter time.
CREATE TABLE lm_consent_context (
    event_id bigint PRIMARY KEY REFERENCES lm_consent_events ON DELETE CASCADE,
    ip inet,
    user_agent text CHECK (length(user_agent) <= 500),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX lm_consent_context_created ON lm_consent_context (created_at);
