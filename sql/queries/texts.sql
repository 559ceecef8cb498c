-- name: texts_list
-- All, or those of one magnet.
SELECT t.id, m.slug AS magnet, t.purpose, t.locale, t.policy_version, t.policy_url, t.text,
       t.created_at, t.retired_at
FROM lm_consent_texts t
JOIN lm_magnets m ON m.id = t.magnet_id
WHERE %(magnet)s::text IS NULL OR m.slug = %(magnet)s
ORDER BY m.slug, t.locale, t.purpose, t.created_at;

-- name: text_add
-- The new text takes the place of the current one, whose row stays. Its id counts on. No row where
-- another text has just taken that place.
INSERT INTO lm_consent_texts (id, magnet_id, purpose, locale, text, policy_version, policy_url)
SELECT concat_ws('-', m.slug, %(purpose)s::text, %(locale)s::text, 1 + (
           SELECT greatest(count(*), max(substring(t.id FROM '-([0-9]{1,9})$')::bigint))
           FROM lm_consent_texts t
           WHERE t.magnet_id = m.id AND t.purpose = %(purpose)s AND t.locale = %(locale)s)),
       m.id, %(purpose)s, %(locale)s, %(text)s, %(policy_version)s, %(policy_url)s
FROM lm_magnets m
WHERE m.slug = %(magnet)s
ON CONFLICT DO NOTHING
RETURNING id;

-- name: text_magnet
SELECT id FROM lm_magnets WHERE slug = %(magnet)s AND retired_at IS NULL;

-- name: text_retire_current
-- Not by the same words under the same policy, which so find their place taken.
UPDATE lm_consent_texts t
SET retired_at = now()
FROM lm_magnets m
WHERE m.id = t.magnet_id AND m.slug = %(magnet)s AND t.purpose = %(purpose)s
  AND t.locale = %(locale)s AND t.retired_at IS NULL
  AND (t.text, t.policy_version, t.policy_url)
      <> (%(text)s, %(policy_version)s, %(policy_url)s)
RETURNING t.id;

-- name: text_same
SELECT t.id
FROM lm_consent_texts t
JOIN lm_magnets m ON m.id = t.magnet_id
WHERE m.slug = %(magnet)s AND t.purpose = %(purpose)s AND t.locale = %(locale)s
  AND t.retired_at IS NULL AND t.text = %(text)s AND t.policy_version = %(policy_version)s
  AND t.policy_url = %(policy_url)s;

-- name: text_retire
UPDATE lm_consent_texts t
SET retired_at = now()
FROM lm_magnets m
WHERE m.id = t.magnet_id AND t.id = %(id)s AND t.retired_at IS NULL
RETURNING m.slug;
