-- name: erasure_erase
-- One statement, so one transaction: the person, all that hangs on their row, the tombstone, and,
-- if they object to all future mail, the keyed hash of their address.
WITH erasure AS (
    SELECT lm_erase(%(subscriber_id)s, %(erased_by)s, %(token_hash)s, %(address_hash)s) AS erased
), suppression AS (
    INSERT INTO lm_suppressions (address_hash)
    SELECT %(address_hash)s::bytea FROM erasure WHERE erased AND %(address_hash)s::bytea IS NOT NULL
    ON CONFLICT DO NOTHING
)
SELECT erased FROM erasure;

-- name: erasure_of_link
-- What an earlier erasure by this link did.
SELECT objected FROM lm_erasure_links WHERE token_hash = %(token_hash)s;

-- name: erasures_list
SELECT id, subscriber_id, erased_at, erased_by, address_hash
FROM lm_erasures
WHERE id > %(after)s
ORDER BY id
LIMIT %(batch)s;
