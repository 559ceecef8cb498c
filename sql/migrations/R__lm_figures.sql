-- What has become of each subscriber, for the figures. From the ledger where a status would forget
-- it: who leaves has still confirmed, and had the newsletter. A link that was used and is deleted
-- since counts as used. It is a view so that the planner may choose: for many people it reads each
-- table once, for a few it uses the indexes. The joins multiply rows, which changes none of the
-- aggregates used here.
CREATE OR REPLACE VIEW lm_figures AS
SELECT s.id, s.email, s.source, s.created_at, s.confirmed_at,
       s.confirmed_at IS NOT NULL OR coalesce(bool_or(mail.state = 'sent'), false) AS mailed,
       s.confirmed_at IS NOT NULL AS confirmed,
       coalesce(bool_or(link.use_count > 0), s.confirmed_at IS NOT NULL) AS file_handed_out,
       -- Only who said no can have lost it. Counted, because EXISTS might read the whole ledger.
       s.newsletter OR count(said_no.id) > 0 AND 0 < (
           SELECT count(*) FROM lm_consent_events e
           WHERE e.subscriber_id = s.id AND e.type = 'confirm' AND e.purpose = 'newsletter'
       ) AS newsletter,
       s.status = 'bounced' OR coalesce(bool_or(said_no.type = 'bounce'), false) AS bounced,
       s.status = 'complained' OR coalesce(bool_or(said_no.type = 'complaint'), false)
           AS complained,
       s.status = 'unsubscribed' OR coalesce(bool_or(said_no.type = 'unsubscribe'), false)
           AS unsubscribed,
       -- Most have asked for one.
       CASE WHEN min(mail.magnet_id) = max(mail.magnet_id) THEN ARRAY[min(mail.magnet_id)]
            ELSE ARRAY(
                SELECT DISTINCT o.magnet_id FROM lm_outbox o
                WHERE o.subscriber_id = s.id AND o.kind <> 'privacy' ORDER BY o.magnet_id)
       END AS magnets
FROM lm_subscribers s
LEFT JOIN lm_outbox mail ON mail.subscriber_id = s.id AND mail.kind <> 'privacy'
LEFT JOIN lm_download_tokens link ON link.outbox_id = mail.id
LEFT JOIN lm_consent_events said_no
    ON said_no.subscriber_id = s.id AND said_no.type IN ('unsubscribe', 'bounce', 'complaint')
GROUP BY s.id;

-- Who runs the mailbox, of those that many people use; a rarer domain may be a person's own name.
CREATE OR REPLACE FUNCTION lm_mailbox_provider(domain text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN domain IN ('gmail.com', 'googlemail.com') THEN 'gmail'
    WHEN domain ~ '^(outlook|hotmail|live|msn)\.(com|fr|be|ch|co\.uk|de|es|it)$'
        THEN 'outlook'
    WHEN domain ~ '^(yahoo|ymail)\.(com|fr|be|ca|co\.uk|de|es|it)$' THEN 'yahoo'
    WHEN domain IN ('icloud.com', 'me.com', 'mac.com') THEN 'icloud'
    WHEN domain IN ('orange.fr', 'wanadoo.fr') THEN 'orange'
    WHEN domain IN ('free.fr', 'aliceadsl.fr') THEN 'free'
    WHEN domain IN ('sfr.fr', 'neuf.fr', 'cegetel.net', '9online.fr') THEN 'sfr'
    WHEN domain IN ('laposte.net', 'bbox.fr') THEN domain
    WHEN domain IN ('proton.me', 'protonmail.com', 'pm.me') THEN 'proton'
    WHEN domain IN ('gmx.com', 'gmx.fr', 'gmx.de', 'gmx.net') THEN 'gmx'
    ELSE 'other'
END;
