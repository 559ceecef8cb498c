-- New subscribers with an e-mail each, whose link was not clicked yet: the token of number 7 of the
-- series `a` is the text `a-7`, filled up with x to the 43 characters of a token.
WITH subscriber AS (
    INSERT INTO lm_subscribers (email, locale, asked_consents)
    SELECT format('%%s-%%s@example.org', %(series)s::text, n), 'fr', ARRAY['guide-mariee-sereine-delivery-fr-1']
    FROM generate_series(1, %(links)s::int) n
    RETURNING id, rpad(split_part(email, '@', 1), 43, 'x') AS token
), mail AS (
    INSERT INTO lm_outbox (subscriber_id, magnet_id, locale, consents, state, claims, kind, sent_at)
    SELECT s.id, m.id, 'fr', ARRAY['guide-mariee-sereine-delivery-fr-1'], 'sent', 1, 'confirm', now()
    FROM subscriber s, lm_magnets m
    RETURNING id, subscriber_id
)
INSERT INTO lm_download_tokens (token_hash, kind, subscriber_id, outbox_id, expires_at)
SELECT sha256(convert_to(s.token, 'UTF8')), 'confirm', s.id, mail.id, now() + interval '2 days'
FROM subscriber s
JOIN mail ON mail.subscriber_id = s.id;
