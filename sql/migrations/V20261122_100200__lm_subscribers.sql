-- One row for each normalised address (ASCII, lower case, punycode: normalised in Python, once).
CREATE TABLE lm_subscribers (
    -- Random: the id outlives an erasure in the tombstone, and must not say when someone signed up.
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email text NOT NULL UNIQUE
        CHECK (email ~ '^[\x21-\x7e]+@[\x21-\x7e]+$' AND email = lower(email)
               AND length(email) <= 254),
    -- What the mails to this mailbox are counted by: HMAC-SHA256 of the address without its +tag.
    address_key bytea CHECK (octet_length(address_key) = 32),
    -- The same for mails with privacy links, once one was asked for.
    privacy_key bytea CHECK (octet_length(privacy_key) = 32),
    status text NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'confirmed', 'unsubscribed', 'bounced', 'complained')),
    status_at timestamptz NOT NULL DEFAULT now(),
    newsletter boolean NOT NULL DEFAULT false,
    newsletter_at timestamptz,
    locale text NOT NULL CHECK (locale IN ('fr', 'en')),
    source text,
    -- The latest request that queued a mail: asking for the same again waits for the cool-down.
    asked_at timestamptz NOT NULL DEFAULT now(),
    asked_consents text[] NOT NULL,
    -- The latest request for what is held about the person: one mail as long as its link works.
    privacy_asked_at timestamptz,
    -- Set by the first confirmation, never unset: the right to the file stays.
    confirmed_at timestamptz,
    -- Set when they last said no by "this was not me", unset by any other no.
    not_me_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT lm_subscribers_confirmed CHECK (status <> 'confirmed' OR confirmed_at IS NOT NULL),
    CONSTRAINT lm_subscribers_newsletter
        CHECK (NOT newsletter OR status IN ('confirmed', 'bounced'))
) WITH (fillfactor = 85);
