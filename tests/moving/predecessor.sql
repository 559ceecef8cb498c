-- The three tables of ProspectFlow's lead magnet as its public schema has them, and six people who
-- never existed. A token is stored as the SHA-256 of its text, in hex.
CREATE TABLE public.lm_subscribers (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email text NOT NULL,
    status text NOT NULL CHECK (status IN ('pending', 'confirmed', 'unsubscribed', 'bounced')),
    source text,
    tags jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    confirmed_at timestamptz,
    unsubscribed_at timestamptz,
    last_email_sent_at timestamptz
);
CREATE UNIQUE INDEX idx_lm_subscribers_email_lower ON public.lm_subscribers (lower(email));
CREATE INDEX idx_lm_subscribers_status ON public.lm_subscribers (status);
CREATE INDEX idx_lm_subscribers_created_at ON public.lm_subscribers (created_at DESC);

CREATE TABLE public.lm_consent_events (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    subscriber_id uuid NOT NULL REFERENCES public.lm_subscribers (id) ON DELETE CASCADE,
    event_type text NOT NULL CHECK (event_type IN ('signup', 'confirm', 'unsubscribe')),
    consent_text text,
    privacy_policy_version text,
    ip inet,
    user_agent text,
    occurred_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX idx_lm_consent_events_subscriber ON public.lm_consent_events (subscriber_id, occurred_at DESC);

CREATE TABLE public.lm_download_tokens (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    subscriber_id uuid NOT NULL REFERENCES public.lm_subscribers (id) ON DELETE CASCADE,
    token_hash text NOT NULL UNIQUE,
    purpose text NOT NULL CHECK (purpose IN ('confirm_and_download', 'download_only')),
    expires_at timestamptz NOT NULL,
    max_uses integer NOT NULL DEFAULT 999,
    use_count integer NOT NULL DEFAULT 0,
    used_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX idx_lm_download_tokens_hash ON public.lm_download_tokens (token_hash);
CREATE INDEX idx_lm_download_tokens_subscriber ON public.lm_download_tokens (subscriber_id, created_at DESC);
CREATE INDEX idx_lm_download_tokens_expires ON public.lm_download_tokens (expires_at) WHERE use_count < max_uses;

INSERT INTO public.lm_subscribers (id, email, status, source, created_at, confirmed_at, unsubscribed_at) VALUES
    ('6f1c7f0e-0f5e-4b55-9a51-000000000001', 'pending@example.org', 'pending', 'landing_page', now() - interval '1 hour', NULL, NULL),
    ('6f1c7f0e-0f5e-4b55-9a51-000000000002', 'late@example.org', 'pending', 'landing_page', now() - interval '90 days', NULL, NULL),
    ('6f1c7f0e-0f5e-4b55-9a51-000000000003', 'Confirmed@example.org', 'confirmed', 'instagram_bio', now() - interval '1 day', now() - interval '23 hours', NULL),
    ('6f1c7f0e-0f5e-4b55-9a51-000000000004', 'old@exámple.org', 'confirmed', NULL, now() - interval '200 days', now() - interval '199 days', NULL),
    ('6f1c7f0e-0f5e-4b55-9a51-000000000005', 'left@example.org', 'unsubscribed', 'landing_page', now() - interval '60 days', now() - interval '59 days', now() - interval '3 days'),
    ('6f1c7f0e-0f5e-4b55-9a51-000000000006', 'bounced@example.org', 'bounced', 'landing_page', now() - interval '30 days', NULL, NULL);

INSERT INTO public.lm_consent_events (subscriber_id, event_type, consent_text, privacy_policy_version, ip, user_agent, occurred_at)
SELECT id, 'signup', 'Je veux recevoir les e-mails de Light & Shutter', '2026-02-01', '198.51.100.7'::inet, 'Mozilla/5.0', created_at FROM public.lm_subscribers
UNION ALL SELECT id, 'confirm', NULL, NULL, '198.51.100.7'::inet, 'Mozilla/5.0', confirmed_at FROM public.lm_subscribers WHERE confirmed_at IS NOT NULL
UNION ALL SELECT id, 'unsubscribe', NULL, NULL, '198.51.100.7'::inet, 'Mozilla/5.0', unsubscribed_at FROM public.lm_subscribers WHERE unsubscribed_at IS NOT NULL;

-- The plain tokens: 'A' (43 times) for the first person, 'B' for the second, 'C' for the third.
INSERT INTO public.lm_download_tokens (subscriber_id, token_hash, purpose, expires_at, use_count, created_at)
SELECT v.id::uuid, encode(sha256(convert_to(repeat(v.letter, 43), 'UTF8')), 'hex'), 'confirm_and_download', now() + v.left_over::interval, v.uses, now() + v.left_over::interval - interval '48 hours'
FROM (VALUES ('6f1c7f0e-0f5e-4b55-9a51-000000000001', 'A', '47 hours', 0),
             ('6f1c7f0e-0f5e-4b55-9a51-000000000002', 'B', '-88 days', 0),
             ('6f1c7f0e-0f5e-4b55-9a51-000000000003', 'C', '24 hours', 3)) AS v (id, letter, left_over, uses);

GRANT ALL ON public.lm_subscribers, public.lm_consent_events, public.lm_download_tokens TO lm_app;
GRANT SELECT (email) ON public.lm_subscribers TO PUBLIC;
