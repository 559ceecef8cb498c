-- name: maintenance_heartbeat
UPDATE lm_worker_heartbeat SET seen_at = now();
