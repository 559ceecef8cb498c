-- The rule that only a token holder raises a status, once for the page that describes a link and
-- for the click that confirms. A live link lifts `bounced`, because the mail did arrive. It lifts
-- `unsubscribed`, or adds the newsletter, only when it answers a request made since the person
-- said no. Nothing lifts `complained`.
CREATE OR REPLACE FUNCTION lm_may_confirm(
    subscriber lm_subscribers, token_kind text, asked_at timestamptz, asks_newsletter boolean
) RETURNS boolean
LANGUAGE sql IMMUTABLE
RETURN token_kind = 'confirm' AND CASE (subscriber).status
    WHEN 'pending' THEN true
    WHEN 'bounced' THEN true
    WHEN 'unsubscribed' THEN asked_at > (subscriber).status_at
    WHEN 'confirmed' THEN asks_newsletter AND NOT (subscriber).newsletter
        AND asked_at > coalesce((subscriber).newsletter_at, '-infinity')
    ELSE false
END;
