-- Endpoints of one name each, and events about confirmed people that wait for all of them.
WITH endpoint AS (
    INSERT INTO lm_webhook_endpoints (name, url, kinds)
    SELECT format('%%s-%%s', %(series)s::text, n), url, ARRAY['subscriber.confirmed']
    FROM unnest(%(urls)s::text[]) WITH ORDINALITY AS consumer (url, n)
    RETURNING id
), person AS (
    SELECT id FROM lm_subscribers WHERE status = 'confirmed' LIMIT %(events)s
)
INSERT INTO lm_webhook_events (endpoint_id, kind, subscriber_id)
SELECT endpoint.id, 'subscriber.confirmed', person.id FROM endpoint, person;
