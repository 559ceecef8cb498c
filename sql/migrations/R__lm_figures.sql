-- What has become of a subscriber, for the figures. From the ledger where a status would forget it:
-- who leaves has still confirmed. A link that was used and is deleted since counts as used.
CREATE OR REPLACE FUNCTION lm_figures(subscriber lm_subscribers)
RETURNS TABLE (
    mailed boolean, confirmed boolean, file_handed_out boolean, newsletter boolean, bounced boolean,
    complained boolean, unsubscribed boolean, magnets bigint[]
)
LANGUAGE sql STABLE AS $$
    SELECT mails.sent OR (subscriber).confirmed_at IS NOT NULL,
           (subscriber).confirmed_at IS NOT NULL,
           links.used OR (subscriber).confirmed_at IS NOT NULL AND links.gone,
           (subscriber).newsletter OR events.newsletter,
           (subscriber).status = 'bounced' OR events.bounced,
           (subscriber).status = 'complained' OR events.complained,
           (subscriber).status = 'unsubscribed' OR events.unsubscribed,
           mails.magnets
    FROM (
        SELECT coalesce(bool_or(o.state = 'sent'), false) AS sent,
               coalesce(array_agg(DISTINCT o.magnet_id), '{}') AS magnets
        FROM public.lm_outbox o
        WHERE o.subscriber_id = (subscriber).id AND o.kind <> 'privacy'
    ) AS mails
    CROSS JOIN (
        SELECT coalesce(bool_or(t.use_count > 0), false) AS used, count(*) = 0 AS gone
        FROM public.lm_download_tokens t
        WHERE t.subscriber_id = (subscriber).id AND t.kind <> 'privacy'
    ) AS links
    CROSS JOIN (
        SELECT coalesce(bool_or(e.type = 'confirm' AND e.purpose = 'newsletter'), false)
                   AS newsletter,
               coalesce(bool_or(e.type = 'bounce'), false) AS bounced,
               coalesce(bool_or(e.type = 'complaint'), false) AS complained,
               coalesce(bool_or(e.type = 'unsubscribe'), false) AS unsubscribed
        FROM public.lm_consent_events e
        WHERE e.subscriber_id = (subscriber).id
    ) AS events
$$;

-- Who runs the mailbox, of those that many people use; a rarer domain may be a person's own name.
CREATE OR REPLACE FUNCTION lm_mailbox_provider(email text) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN CASE
    WHEN split_part(email, '@', 2) IN ('gmail.com', 'googlemail.com') THEN 'gmail'
    WHEN split_part(email, '@', 2) ~ '^(outlook|hotmail|live|msn)\.(com|fr|be|ch|co\.uk|de|es|it)$'
        THEN 'outlook'
    WHEN split_part(email, '@', 2) ~ '^(yahoo|ymail)\.(com|fr|be|ca|co\.uk|de|es|it)$' THEN 'yahoo'
    WHEN split_part(email, '@', 2) IN ('icloud.com', 'me.com', 'mac.com') THEN 'icloud'
    WHEN split_part(email, '@', 2) IN ('orange.fr', 'wanadoo.fr') THEN 'orange'
    WHEN split_part(email, '@', 2) IN ('free.fr', 'aliceadsl.fr') THEN 'free'
    WHEN split_part(email, '@', 2) IN ('sfr.fr', 'neuf.fr', 'cegetel.net', '9online.fr') THEN 'sfr'
    WHEN split_part(email, '@', 2) IN ('laposte.net', 'bbox.fr') THEN split_part(email, '@', 2)
    WHEN split_part(email, '@', 2) IN ('proton.me', 'protonmail.com', 'pm.me') THEN 'proton'
    WHEN split_part(email, '@', 2) IN ('gmx.com', 'gmx.fr', 'gmx.de', 'gmx.net') THEN 'gmx'
    ELSE 'other'
END;
