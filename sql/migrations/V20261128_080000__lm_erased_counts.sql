-- What became of the people who were erased, as counts: without them the figures of a past month
-- would change with every erasure. No id, no source, no mailbox; the hour they asked in, because a
-- day begins at another moment in each time zone. A row without a magnet is for everybody, the
-- others are for those who asked for that magnet. Rows are only added: erasures that shared a
-- counter would wait for each other, in any order.
CREATE TABLE lm_erased_counts (
    asked_hour timestamptz NOT NULL,
    magnet_id bigint,
    asked integer NOT NULL DEFAULT 0,
    mailed integer NOT NULL DEFAULT 0,
    confirmed integer NOT NULL DEFAULT 0,
    file_handed_out integer NOT NULL DEFAULT 0,
    newsletter integer NOT NULL DEFAULT 0,
    bounced integer NOT NULL DEFAULT 0,
    complained integer NOT NULL DEFAULT 0,
    unsubscribed integer NOT NULL DEFAULT 0
);

CREATE INDEX lm_erased_counts_asked ON lm_erased_counts (asked_hour);

-- Counts a person at the moment their row goes, whichever role and statement deletes it.
CREATE FUNCTION lm_subscriber_counted() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO lm_erased_counts (asked_hour, magnet_id, asked, mailed, confirmed,
        file_handed_out, newsletter, bounced, complained, unsubscribed)
    SELECT date_trunc('hour', OLD.created_at), magnet.id, 1, f.mailed::int, f.confirmed::int,
           f.file_handed_out::int, f.newsletter::int, f.bounced::int, f.complained::int,
           f.unsubscribed::int
    FROM lm_figures f
    CROSS JOIN LATERAL unnest(NULL::bigint || f.magnets) AS magnet (id)
    WHERE f.id = OLD.id;
    RETURN OLD;
END
$$;

CREATE TRIGGER lm_subscribers_counted BEFORE DELETE ON lm_subscribers
    FOR EACH ROW EXECUTE FUNCTION lm_subscriber_counted();
