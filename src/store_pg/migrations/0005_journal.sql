-- What people decided about a shard, and why: only ever added to.
CREATE TABLE odradek.journal (
    at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    shard  integer NOT NULL,
    action text NOT NULL,
    by     text NOT NULL,
    reason text NOT NULL,
    was    text NOT NULL
);

CREATE INDEX journal_at ON odradek.journal (at);
