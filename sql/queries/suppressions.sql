-- name: suppression_add
INSERT INTO lm_suppressions (address_hash) VALUES (%(address_hash)s) ON CONFLICT DO NOTHING;
