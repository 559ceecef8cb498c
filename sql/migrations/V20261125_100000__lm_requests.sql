-- What a visitor asked, one small row, until a worker settles it and deletes the row. The request
-- itself looks at nothing that is held about the address, so that its answer and its time cannot
-- tell who is known here.
CREATE TABLE lm_requests (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('signup', 'privacy', 'renewal')),
    -- Normalised; a renewal has the hash of its link instead.
    email text CHECK (length(email) <= 254),
    token_hash bytea CHECK (octet_length(token_hash) = 32),
    -- No foreign key: its lock on the one magnet is what all signups would meet at.
    magnet_id bigint,
    consents text[] NOT NULL DEFAULT '{}',
    locale text CHECK (locale IN ('fr', 'en')),
    source text,
    -- A bot's signup, or of an address that no person is behind: counted, and nothing else.
    discard boolean NOT NULL DEFAULT false,
    -- The widest network it came from, as a keyed hash, and how many requests that network had made
    -- before it in its hour: mails of a busy network wait behind those of quiet ones.
    network_key bytea NOT NULL,
    turn integer NOT NULL DEFAULT 0,
    ip inet,
    user_agent text CHECK (length(user_agent) <= 500),
    -- The time of the act in the ledger, which copies it from here: the database's.
    accepted_at timestamptz NOT NULL DEFAULT now(),
    -- Becomes the subscriber's id if the address is new: an erasure of that subscriber also finds
    -- this row, where an older backup brought it back.
    subscriber_id uuid NOT NULL DEFAULT gen_random_uuid(),
    -- A request that could not be settled is tried again later, and kept after the last attempt.
    attempts integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL DEFAULT '-infinity',
    failed_at timestamptz,
    reason text,
    CONSTRAINT lm_requests_subject
        CHECK ((kind = 'renewal') = (token_hash IS NOT NULL)
               AND (kind = 'renewal') = (email IS NULL))
-- Rows come and go by the thousand: vacuum by their number, not by a share of an empty table.
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
