-- The demo magnet with its consent texts, in both languages. Can be run any number of times.
INSERT INTO lm_magnets (slug, title, description, file_name)
VALUES (
    'guide-mariee-sereine',
    '{"fr": "Guide de la Mariée Sereine", "en": "The Serene Bride’s Guide"}',
    '{"fr": "Douze mois de préparatifs, une journée sans hâte : les conseils de vos photographes pour un mariage en toute sérénité.", "en": "Twelve months of preparations, one unhurried day: your photographers’ advice for a serene wedding (in French)."}',
    'Guide de la Mariée Sereine.pdf'
)
ON CONFLICT (slug) DO NOTHING;

-- The size and SHA-256 of the file are settings of this session.
WITH file AS (
    INSERT INTO lm_magnet_files (magnet_id, sha256, size_bytes, s3_key)
    SELECT id, decode(current_setting('demo.sha256'), 'hex'),
           current_setting('demo.size_bytes')::bigint, 'guides/guide-mariee-sereine.pdf'
    FROM lm_magnets WHERE slug = 'guide-mariee-sereine' AND s3_key IS NULL
    RETURNING magnet_id, s3_key
)
UPDATE lm_magnets m SET s3_key = file.s3_key FROM file WHERE m.id = file.magnet_id;

INSERT INTO lm_consent_texts (id, magnet_id, purpose, locale, text, policy_version, policy_url)
SELECT t.id, m.id, t.purpose, t.locale, t.text, '2026-11', 'https://www.light-and-shutter.example/' || t.page
FROM lm_magnets m,
    (VALUES
        ('guide-mariee-sereine-delivery-fr-1', 'delivery', 'fr', 'confidentialite',
         'J’accepte que Light & Shutter m’envoie par e-mail le Guide de la Mariée Sereine. Mon adresse ne sert qu’à cela et je peux la faire effacer à tout moment.'),
        ('guide-mariee-sereine-newsletter-fr-1', 'newsletter', 'fr', 'confidentialite',
         'J’accepte de recevoir aussi, de temps en temps, les conseils de Light & Shutter par e-mail. Facultatif : je peux me désabonner en un clic.'),
        ('guide-mariee-sereine-delivery-en-1', 'delivery', 'en', 'en/privacy',
         'I agree that Light & Shutter sends me the Serene Bride’s Guide by e-mail. My address serves for nothing else and I can have it erased at any time.'),
        ('guide-mariee-sereine-newsletter-en-1', 'newsletter', 'en', 'en/privacy',
         'I also agree to receive Light & Shutter’s advice by e-mail from time to time. Optional: I can unsubscribe in one click.')
    ) AS t (id, purpose, locale, page, text)
WHERE m.slug = 'guide-mariee-sereine'
ON CONFLICT (id) DO NOTHING;
