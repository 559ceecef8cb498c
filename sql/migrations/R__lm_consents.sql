-- Whether one of these consent texts asks for the newsletter.
CREATE OR REPLACE FUNCTION lm_asks_newsletter(consents text[]) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM public.lm_consent_texts t
        WHERE t.id = ANY (consents) AND t.purpose = 'newsletter')
$$;

-- Writes an act into the ledger, one event for each consent text, or one without a text; and where
-- it came from into the context. Returns the number of events. `request` is the waiting request it
-- settles, whose time becomes the time of the act.
CREATE OR REPLACE FUNCTION lm_consent_record(
    subscriber uuid, event_type text, event_gesture text, consents text[], event_purpose text,
    client_ip inet, client_agent text, request bigint DEFAULT NULL
) RETURNS bigint
LANGUAGE sql AS $$
    WITH agreed AS (
        SELECT t.id, t.locale
        FROM unnest(coalesce(consents, ARRAY[NULL])) AS named (id)
        LEFT JOIN public.lm_consent_texts t ON t.id = named.id
    ), event AS (
        INSERT INTO public.lm_consent_events
            (subscriber_id, type, purpose, consent_text_id, locale, gesture, request_id)
        SELECT subscriber, event_type, event_purpose, agreed.id, agreed.locale, event_gesture,
               request
        FROM agreed
        RETURNING id
    ), context AS (
        INSERT INTO public.lm_consent_context (event_id, ip, user_agent)
        SELECT id, client_ip, client_agent FROM event
    )
    SELECT count(*) FROM event
$$;

-- What SES reports lowers a status; the strongest wins.
CREATE OR REPLACE FUNCTION lm_status_rank(status text) RETURNS integer
LANGUAGE sql IMMUTABLE
RETURN array_position(
    ARRAY['pending', 'confirmed', 'bounced', 'unsubscribed', 'complained'], status);
