-- A list as it looks after two years: %(people)s subscribers with their mails, links, events and
-- contexts, in the shares a studio would see. Loaded by a superuser whose foreign-key triggers
-- sleep; what is written fits together all the same.
SET LOCAL session_replication_role = replica;

CREATE TEMPORARY TABLE people ON COMMIT DROP AS
SELECT n, gen_random_uuid() AS id,
       now() + (n - %(people)s::int) * interval '2 years' / %(people)s::int AS at,
       CASE WHEN n %% 100 < 55 THEN 'confirmed' WHEN n %% 100 < 90 THEN 'pending'
            WHEN n %% 100 < 96 THEN 'unsubscribed' WHEN n %% 100 < 99 THEN 'bounced'
            ELSE 'complained' END AS status,
       n %% 7 < 3 AS newsletter
FROM generate_series(1, %(people)s::int) n;

INSERT INTO lm_subscribers (id, email, address_key, status, status_at, newsletter, newsletter_at, locale, source,
    asked_at, asked_consents, confirmed_at, created_at)
SELECT id, format('person%%s@%%s', n, (ARRAY['example.org', 'mail.example.net', 'example.fr'])[n %% 3 + 1]),
       sha256(int4send(n)), status, at, newsletter AND status = 'confirmed', at, 'fr', 'instagram', at,
       CASE WHEN newsletter THEN ARRAY['guide-mariee-sereine-delivery-fr-1', 'guide-mariee-sereine-newsletter-fr-1']
            ELSE ARRAY['guide-mariee-sereine-delivery-fr-1'] END,
       CASE WHEN status IN ('confirmed', 'unsubscribed') THEN at END, at
FROM people;

-- One mail each, two for every fifth; all sent but a few.
INSERT INTO lm_outbox (subscriber_id, magnet_id, locale, consents, state, due_at, claims, kind,
    message_id, sent_at, created_at)
SELECT p.id, m.id, 'fr', ARRAY['guide-mariee-sereine-delivery-fr-1'],
       CASE WHEN p.n %% 1000 = 0 THEN 'dead' ELSE 'sent' END, p.at, 1, 'confirm',
       format('0102-%%s-%%s', p.n, mail), CASE WHEN p.n %% 1000 <> 0 THEN p.at END, p.at
FROM people p, lm_magnets m, generate_series(1, 1 + (p.n %% 5 = 0)::int) mail;

INSERT INTO lm_download_tokens (token_hash, kind, subscriber_id, outbox_id, expires_at, use_count, created_at)
SELECT sha256(convert_to(id::text, 'UTF8')), 'confirm', subscriber_id, id,
       created_at + interval '2 days', id %% 3, created_at
FROM lm_outbox;

INSERT INTO lm_consent_events (subscriber_id, type, purpose, consent_text_id, text_hash, policy_version,
    policy_url, locale, gesture, occurred_at, recorded_at, salt, address_digest)
SELECT p.id, act.type, t.purpose, t.id, t.text_hash, t.policy_version,
       t.policy_url, 'fr', act.gesture, p.at, p.at, uuid_send(p.id) || uuid_send(p.id), sha256(uuid_send(p.id))
FROM people p
CROSS JOIN (VALUES ('signup', 'signup_form'), ('confirm', 'confirm_button')) AS act (type, gesture)
JOIN lm_consent_texts t ON t.locale = 'fr' AND (t.purpose = 'delivery' OR p.newsletter)
WHERE act.type = 'signup' OR p.status IN ('confirmed', 'unsubscribed');

-- Contexts are kept for a year.
INSERT INTO lm_consent_context (event_id, ip, user_agent, created_at)
SELECT id, '10.0.0.0'::inet + id %% 16000000, 'Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X)', occurred_at
FROM lm_consent_events
WHERE occurred_at > now() - interval '1 year';

INSERT INTO lm_suppressions (address_hash)
SELECT sha256(int8send(n)) FROM people WHERE status = 'complained';

INSERT INTO lm_ses_events (message_id, subscriber_id, outbox_id, type, received_at)
SELECT message_id, subscriber_id, id, 'Delivery', sent_at FROM lm_outbox WHERE state = 'sent';
