-- name: erasure_erase
-- One statement, so one transaction: the person, all that hangs on her, the tombstone, and, if she
-- objects to ever being written to again, the keyed hash of her address.
WITH erasure AS (
    SELECT lm_erase(%(subscriber_id)s, %(erased_by)s, %(token_hash)s, %(address_hash)s) AS erased
), suppression AS (
    INSERT INTO lm_suppressions (address_hash)
    SELECT %(address_hash)s::bytea FROM erasure WHERE erased AND %(address_hash)s::bytea IS NOT NULL
    ON CONFLICT DO NOTHING
)
SELECT erased FROM erasure;

-- name: erasure_of_link
-- What the button behind this link did when it was pressed before.
SELECT objected FROM lm_erasure_links WHERE token_hash = %(token_hash)s;

-- name: erasures_list
SELECT id, subscriber_id, erased_at, erased_by, address_hash
FROM lm_erasures
WHERE id > %(after)s
ORDER BY id
LIMIT %(batch)s;
