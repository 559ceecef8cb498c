-- name: magnet_page
-- What a page shows of a magnet, in the language asked for; where that has no consent texts, in one
-- that has, because a form without them could not be sent.
SELECT m.slug, shown.locale, m.title ->> shown.locale AS title,
       m.description ->> shown.locale AS description, m.file_name,
       coalesce(
           jsonb_agg(jsonb_build_object(
               'id', t.id, 'purpose', t.purpose, 'required', t.purpose = 'delivery',
               'locale', t.locale, 'text', t.text, 'policy_version', t.policy_version,
               'policy_url', t.policy_url)
               ORDER BY t.purpose) FILTER (WHERE t.id IS NOT NULL),
           '[]') AS consent_texts
FROM lm_magnets m
CROSS JOIN LATERAL (
    SELECT coalesce((
        SELECT c.locale FROM lm_consent_texts c
        WHERE c.magnet_id = m.id AND c.purpose = 'delivery' AND c.retired_at IS NULL
        ORDER BY c.locale <> %(locale)s::text, c.locale LIMIT 1), %(locale)s::text) AS locale
) shown
LEFT JOIN lm_consent_texts t
    ON t.magnet_id = m.id AND t.locale = shown.locale AND t.retired_at IS NULL
WHERE m.slug = %(slug)s AND m.retired_at IS NULL
GROUP BY m.id, shown.locale;

-- name: magnet_list
SELECT slug, title ->> %(locale)s::text AS title, description ->> %(locale)s::text AS description
FROM lm_magnets WHERE retired_at IS NULL ORDER BY id;

-- name: magnet_files
SELECT id, slug, s3_key, file_missing_since IS NOT NULL AS missing
FROM lm_magnets WHERE retired_at IS NULL ORDER BY id;

-- name: magnet_file_found
UPDATE lm_magnets
SET file_missing_since = CASE WHEN %(found)s::boolean THEN NULL ELSE now() END
WHERE id = %(magnet_id)s;

-- name: magnets_listed
SELECT m.slug, m.title, m.description, m.file_name, m.s3_key, m.created_at, m.retired_at,
       m.file_missing_since,
       (SELECT count(*) FROM lm_consent_texts t
        WHERE t.magnet_id = m.id AND t.retired_at IS NULL) AS texts
FROM lm_magnets m ORDER BY m.id;

-- name: magnet_add
-- role: owner
INSERT INTO lm_magnets (slug, title, description, s3_key, file_name)
VALUES (%(slug)s, %(title)s::jsonb, %(description)s::jsonb, %(s3_key)s, %(file_name)s)
ON CONFLICT (slug) DO NOTHING
RETURNING id;

-- name: magnet_set_file
-- role: owner
UPDATE lm_magnets
SET s3_key = %(s3_key)s, file_name = coalesce(%(file_name)s::text, file_name),
    file_missing_since = NULL
WHERE slug = %(slug)s AND retired_at IS NULL
RETURNING id;

-- name: magnet_retire
-- role: owner
UPDATE lm_magnets SET retired_at = now() WHERE slug = %(slug)s AND retired_at IS NULL
RETURNING id;
