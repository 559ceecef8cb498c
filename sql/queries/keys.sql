-- name: key_use
-- The key's name and role, if it works at this moment; notes the day of its use.
WITH key AS (
    SELECT id, name, role, last_used_on FROM lm_admin_keys
    WHERE key_hash = ANY (%(key_hashes)s::bytea[]) AND revoked_at IS NULL AND expires_at > now()
), used AS (
    UPDATE lm_admin_keys k SET last_used_on = current_date
    FROM key
    WHERE k.id = key.id AND key.last_used_on IS DISTINCT FROM current_date
)
SELECT name, role FROM key;

-- name: key_add
-- role: owner
INSERT INTO lm_admin_keys (name, key_hash, role, expires_at)
VALUES (%(key_name)s, %(key_hash)s, %(role)s, now() + %(life)s::interval)
ON CONFLICT (name) DO NOTHING
RETURNING expires_at;

-- name: keys_list
-- role: owner
SELECT name, role, created_at, expires_at, revoked_at, last_used_on,
       revoked_at IS NULL AND expires_at > now() AS works
FROM lm_admin_keys
ORDER BY id;

-- name: key_revoke
-- role: owner
UPDATE lm_admin_keys SET revoked_at = now() WHERE name = %(key_name)s AND revoked_at IS NULL
RETURNING name;
