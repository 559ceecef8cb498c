INSERT INTO lm_subscribers (email, status, source, created_at, confirmed_at)
SELECT format('Person.%%s@example.org', n), CASE WHEN n %% 3 = 0 THEN 'pending' ELSE 'confirmed' END,
       'landing_page', now() - n * interval '10 minutes',
       CASE WHEN n %% 3 <> 0 THEN now() - n * interval '10 minutes' END
FROM generate_series(1, %(people)s) AS n;

INSERT INTO lm_consent_events
    (subscriber_id, event_type, consent_text, privacy_policy_version, ip, user_agent, occurred_at)
SELECT id, 'signup', 'Je veux recevoir les e-mails', '2026-02-01', '198.51.100.7'::inet,
       'Mozilla/5.0', created_at
FROM lm_subscribers WHERE email LIKE 'Person.%%'
UNION ALL
SELECT id, 'confirm', NULL, NULL, '198.51.100.7'::inet, 'Mozilla/5.0', confirmed_at
FROM lm_subscribers WHERE email LIKE 'Person.%%' AND confirmed_at IS NOT NULL;

INSERT INTO lm_download_tokens (subscriber_id, token_hash, purpose, expires_at, created_at)
SELECT id, encode(sha256(uuid_send(id)), 'hex'), 'confirm_and_download',
       created_at + interval '48 hours', created_at
FROM lm_subscribers WHERE email LIKE 'Person.%%'
