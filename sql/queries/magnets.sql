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
WHERE m.slug = %(slug)s AND m.retired_at IS NULL AND m.s3_key IS NOT NULL
GROUP BY m.id, shown.locale;

-- name: magnet_list
SELECT slug, title ->> %(locale)s::text AS title, description ->> %(locale)s::text AS description
FROM lm_magnets WHERE retired_at IS NULL AND s3_key IS NOT NULL ORDER BY id;

-- name: magnet_files
SELECT id, slug, s3_key, file_missing_since IS NOT NULL AS missing
FROM lm_magnets WHERE retired_at IS NULL AND s3_key IS NOT NULL ORDER BY id;

-- name: magnet_file_found
UPDATE lm_magnets
SET file_missing_since = CASE WHEN %(found)s::boolean THEN NULL ELSE now() END
WHERE id = %(magnet_id)s;

-- name: magnet_filter
-- For a filter: the id of the magnet, or 0, which no magnet has, for an unknown slug.
SELECT coalesce((SELECT id FROM lm_magnets WHERE slug = %(slug)s), 0) AS id;

-- name: magnets_listed
-- All, retired ones and drafts included; or the one of a slug.
SELECT m.slug, m.title, m.description, m.file_name, m.s3_key, m.version, m.created_at,
       m.retired_at, m.file_missing_since,
       CASE
           WHEN m.retired_at IS NOT NULL THEN 'retired'
           WHEN m.s3_key IS NULL THEN 'draft'
           WHEN m.file_missing_since IS NOT NULL THEN 'file_missing'
           ELSE 'offered'
       END AS state,
       (SELECT count(*) FROM lm_consent_texts t
        WHERE t.magnet_id = m.id AND t.retired_at IS NULL) AS texts
FROM lm_magnets m
WHERE %(slug)s::text IS NULL OR m.slug = %(slug)s
ORDER BY m.id;

-- name: magnet_add
INSERT INTO lm_magnets (slug, title, description, file_name)
VALUES (%(slug)s, %(title)s::text::jsonb, %(description)s::text::jsonb, %(file_name)s)
ON CONFLICT (slug) DO NOTHING
RETURNING id;

-- name: magnet_change
-- What is null stays. `versions` are the ones that the caller has seen, null for any.
UPDATE lm_magnets
SET title = coalesce(%(title)s::text::jsonb, title),
    description = coalesce(%(description)s::text::jsonb, description),
    file_name = coalesce(%(file_name)s::text, file_name), version = version + 1
WHERE slug = %(slug)s AND retired_at IS NULL
  AND (%(versions)s::int[] IS NULL OR version = ANY (%(versions)s))
RETURNING id;

-- name: magnet_retire
UPDATE lm_magnets SET retired_at = now(), version = version + 1
WHERE slug = %(slug)s AND retired_at IS NULL
RETURNING id;
