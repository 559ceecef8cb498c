INSERT INTO lm_requests (kind, email, magnet_id, consents, locale, source, network_key, ip, user_agent)
SELECT 'signup', %(series)s || '-' || n || '@example.org', m.id,
       ARRAY['guide-mariee-sereine-delivery-fr-1'], 'fr', 'instagram',
       sha256(convert_to(%(series)s || n, 'UTF8')), '192.0.2.1', 'Mozilla/5.0'
FROM generate_series(1, %(requests)s) AS n, lm_magnets m
WHERE m.slug = 'guide-mariee-sereine'
