-- Who is on the owner's list by these filters, and older than the last of the page before: the same
-- for a search and an export. The planner puts it into each query (it is neither STRICT nor SET),
-- which then has a plan of its own. Without the file is who has links of which none was used, as
-- the statistics count. The magnet comes by its id, from whose frequency the planner knows whether
-- to look at each person's mails or for the few mails that are of it.
CREATE OR REPLACE FUNCTION lm_people(
    before_at timestamptz, before_id uuid, with_status text, with_newsletter boolean,
    from_source text, asked_from timestamptz, asked_before timestamptz, of_magnet bigint,
    without_file boolean, mail_dead boolean
) RETURNS SETOF lm_subscribers
LANGUAGE sql STABLE AS $$
SELECT s.*
FROM public.lm_subscribers s
WHERE (s.created_at, s.id) < (before_at, before_id)
  AND (with_status IS NULL OR s.status = with_status)
  AND (with_newsletter IS NULL OR s.newsletter = with_newsletter)
  AND (from_source IS NULL OR s.source = from_source)
  AND (asked_from IS NULL OR s.created_at >= asked_from)
  AND (asked_before IS NULL OR s.created_at < asked_before)
  AND (of_magnet IS NULL OR EXISTS (
      SELECT FROM public.lm_outbox o
      WHERE o.subscriber_id = s.id AND o.magnet_id = of_magnet))
  AND (NOT without_file OR s.confirmed_at IS NOT NULL AND (
      SELECT NOT bool_or(t.use_count > 0) FROM public.lm_download_tokens t
      WHERE t.subscriber_id = s.id AND t.kind <> 'privacy'))
  AND (NOT mail_dead OR EXISTS (
      SELECT FROM public.lm_outbox o WHERE o.subscriber_id = s.id AND o.state = 'dead'))
$$;
