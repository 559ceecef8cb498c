-- What an operator may do for a subscriber now: the predicates that refuse are the ones that the
-- admin API shows beforehand, so that no button is offered that would be refused.

CREATE OR REPLACE FUNCTION lm_may_unsubscribe(subscriber lm_subscribers) RETURNS boolean
LANGUAGE sql IMMUTABLE
RETURN (subscriber).status IN ('pending', 'confirmed', 'bounced');

-- The mail with the link once more: to who may be written to, not while one waits or has just gone,
-- and never more than the mailbox's share.
CREATE OR REPLACE FUNCTION lm_may_resend(
    subscriber lm_subscribers, cool_down interval, address_limit integer
) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT (subscriber).status IN ('pending', 'confirmed')
        AND (subscriber).asked_at <= now() - cool_down
        AND NOT EXISTS (
            SELECT FROM public.lm_outbox o
            WHERE o.subscriber_id = (subscriber).id AND o.state = 'queued' AND o.kind <> 'privacy')
        AND public.lm_limits_reached_until(
            ARRAY[coalesce((subscriber).address_key, sha256(uuid_send((subscriber).id)))],
            ARRAY[address_limit]) IS NULL
$$;
