-- Fresh signups whose mail waits to be sent.
WITH subscriber AS (
    INSERT INTO lm_subscribers (email, locale, asked_consents)
    SELECT format('%%s-%%s@example.org', %(series)s::text, n), 'fr', ARRAY['guide-mariee-sereine-delivery-fr-1']
    FROM generate_series(1, %(mails)s::int) n
    RETURNING id, asked_consents
)
INSERT INTO lm_outbox (subscriber_id, magnet_id, locale, consents)
SELECT s.id, m.id, 'fr', s.asked_consents
FROM subscriber s, lm_magnets m;
