-- name: files_of
-- Every file of every magnet, or of one; the newest first.
SELECT f.id, m.slug, f.sha256, f.size_bytes, f.s3_key, f.created_at, f.activated_at,
       f.s3_key IS NOT DISTINCT FROM m.s3_key AS current
FROM lm_magnet_files f
JOIN lm_magnets m ON m.id = f.magnet_id
WHERE %(slug)s::text IS NULL OR m.slug = %(slug)s
ORDER BY f.created_at DESC, f.id;

-- name: file_add
-- The same bytes again are the file that is there.
INSERT INTO lm_magnet_files (id, magnet_id, sha256, size_bytes, s3_key)
SELECT coalesce(%(file_id)s::uuid, uuidv7()), m.id, %(sha256)s, %(size_bytes)s, %(s3_key)s
FROM lm_magnets m WHERE m.slug = %(slug)s
ON CONFLICT DO NOTHING;

-- name: file_use
-- Makes a file the current one, unless the magnet has changed since the caller saw it.
WITH used AS (
    UPDATE lm_magnets m
    SET s3_key = f.s3_key, file_missing_since = NULL, version = m.version + 1,
        file_name = coalesce(%(file_name)s::text, m.file_name)
    FROM lm_magnet_files f
    WHERE m.slug = %(slug)s AND m.retired_at IS NULL
      AND f.magnet_id = m.id AND f.sha256 = %(sha256)s
      AND (%(versions)s::int[] IS NULL OR m.version = ANY (%(versions)s))
    RETURNING f.id
)
UPDATE lm_magnet_files f SET activated_at = now() FROM used WHERE f.id = used.id
RETURNING f.id;
