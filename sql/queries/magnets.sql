-- name: magnet_page
-- What the page shows of a magnet, in one language.
SELECT m.slug, m.title ->> %(locale)s::text AS title,
       m.description ->> %(locale)s::text AS description, m.file_name,
       coalesce(
           jsonb_agg(jsonb_build_object(
               'id', t.id, 'purpose', t.purpose, 'required', t.purpose = 'delivery', 'locale', t.locale,
               'text', t.text, 'policy_version', t.policy_version, 'policy_url', t.policy_url)
               ORDER BY t.purpose) FILTER (WHERE t.id IS NOT NULL),
           '[]') AS consent_texts
FROM lm_magnets m
LEFT JOIN lm_consent_texts t
    ON t.magnet_id = m.id AND t.locale = %(locale)s AND t.retired_at IS NULL
WHERE m.slug = %(slug)s AND m.retired_at IS NULL
GROUP BY m.id;

-- name: magnet_files
SELECT id, slug, s3_key, file_missing_since IS NOT NULL AS missing
FROM lm_magnets WHERE retired_at IS NULL ORDER BY id;

-- name: magnet_file_found
UPDATE lm_magnets
SET file_missing_since = CASE WHEN %(found)s::boolean THEN NULL ELSE now() END
WHERE id = %(magnet_id)s;
