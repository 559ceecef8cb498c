-- The id of the subscriber whom an unsubscribe link names.
CREATE OR REPLACE FUNCTION lm_current_id(named uuid) RETURNS uuid
LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        (SELECT f.subscriber_id FROM public.lm_former_ids f WHERE f.former_id = named), named)
$$;
