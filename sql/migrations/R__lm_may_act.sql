-- What an operator may do for a subscriber now: the predicates that refuse are the ones that the
-- admin API shows beforehand, so that no button is offered that would be refused.

-- Also once more, where an address that had said no was entered again.
CREATE OR REPLACE FUNCTION lm_may_unsubscribe(subscriber lm_subscribers) RETURNS boolean
LANGUAGE sql IMMUTABLE
RETURN (subscriber).status IN ('pending', 'confirmed', 'bounced')
    OR (subscriber).status = 'unsubscribed' AND (subscriber).asked_at > (subscriber).status_at;

-- Somebody said "this was not me", and what we promised them still holds: whoever types the address
-- in, nothing is mailed to it but a link to the data. Only the links of the mails that they have
-- lift it: a new link, or an erasure without an objection.
CREATE OR REPLACE FUNCTION lm_was_not_me(subscriber lm_subscribers, promised interval)
RETURNS boolean
LANGUAGE sql STABLE
RETURN (subscriber).status = 'unsubscribed'
    AND coalesce((subscriber).not_me_at > now() - promised, false);

-- The mail with the link once more: to a person who may be written to, not while one waits or has
-- just gone, and within the mailbox's limit.
CREATE OR REPLACE FUNCTION lm_may_resend(
    subscriber lm_subscribers, cool_down interval, mailbox_limit integer
) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT (subscriber).status IN ('pending', 'confirmed')
        AND (subscriber).asked_at <= now() - cool_down
        AND NOT EXISTS (
            SELECT FROM public.lm_outbox o
            WHERE o.subscriber_id = (subscriber).id AND o.state = 'queued' AND o.kind <> 'privacy')
        AND NOT public.lm_mailbox_full(public.lm_mailbox_key(subscriber), mailbox_limit)
$$;
