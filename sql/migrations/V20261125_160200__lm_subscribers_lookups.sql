-- For the owner's list: newest first, and by the beginning of an address, whatever the collation.
CREATE INDEX lm_subscribers_newest ON lm_subscribers (created_at DESC, id DESC);
CREATE INDEX lm_subscribers_prefix ON lm_subscribers (email text_pattern_ops);
