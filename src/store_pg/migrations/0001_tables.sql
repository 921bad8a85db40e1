-- The layout of exactly-once.md §5. The README of this folder explains each
-- table; what is measured there is not changed here without measuring again.

-- ---- ownership ----

CREATE TABLE odradek.shard (
    shard          integer PRIMARY KEY,
    epoch          bigint NOT NULL,
    fence          bigint NOT NULL,
    writer_fence   bigint NOT NULL,
    batch          bigint NOT NULL,
    next_command   bigint NOT NULL,
    next_result    bigint NOT NULL,
    history_offset bigint NOT NULL,
    outbox_seq     bigint NOT NULL,
    published      bigint NOT NULL,
    clock          bigint NOT NULL,
    owner          text NOT NULL,
    backend_pid    integer,
    backend_start  timestamptz,
    system_id      bigint NOT NULL,
    timeline       integer NOT NULL,
    quarantine     text,
    CONSTRAINT shard_has_this_writer CHECK (writer_fence = fence)
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);

CREATE TABLE odradek.source (
    shard integer NOT NULL,
    name  text COLLATE "C" NOT NULL,
    seq   bigint NOT NULL,
    PRIMARY KEY (shard, name)
) WITH (fillfactor = 50);

-- ---- executions ----
-- No index on a column that a transition changes: its updates stay on their
-- page (HOT). is_stuck may be one, as it is the same in nearly all of them.

CREATE TABLE odradek.execution (
    shard              integer NOT NULL,
    run_id             uuid NOT NULL,
    version            bigint NOT NULL,
    started_at         timestamptz NOT NULL,
    closed_at          timestamptz,
    definition_version integer NOT NULL,
    status             integer NOT NULL,
    is_stuck           boolean NOT NULL,
    namespace          text NOT NULL,
    workflow_id        text NOT NULL,
    definition         text NOT NULL,
    error              text,
    state              bytea NOT NULL,
    PRIMARY KEY (shard, run_id)
) WITH (fillfactor = 85, toast_tuple_target = 4080);

CREATE INDEX execution_stuck ON odradek.execution (shard, run_id) WHERE is_stuck;

CREATE TABLE odradek.current_run (
    shard        integer NOT NULL,
    workflow_key text COLLATE "C" NOT NULL,
    run_id       uuid NOT NULL,
    status       integer NOT NULL,
    PRIMARY KEY (shard, workflow_key)
) WITH (fillfactor = 85);

-- Lists: written when a run starts and when its status changes. Run ids are
-- ordered by time, so they are the order of pages.
CREATE TABLE odradek.visibility (
    namespace          text COLLATE "C" NOT NULL,
    run_id             uuid NOT NULL,
    shard              integer NOT NULL,
    status             integer NOT NULL,
    started_at         timestamptz NOT NULL,
    closed_at          timestamptz,
    definition_version integer NOT NULL,
    definition         text COLLATE "C" NOT NULL,
    workflow_id        text COLLATE "C" NOT NULL,
    error              text,
    PRIMARY KEY (namespace, run_id, shard)
);

CREATE INDEX visibility_status ON odradek.visibility (namespace, status, run_id);
CREATE INDEX visibility_definition ON odradek.visibility (namespace, definition, run_id);

-- ---- history: one row a transition, partitions by the time of the run id ----

CREATE TABLE odradek.history (
    shard          integer NOT NULL,
    run_id         uuid NOT NULL,
    version        bigint NOT NULL,
    ts             timestamptz NOT NULL,
    first_event_id bigint NOT NULL,
    events         text NOT NULL,
    PRIMARY KEY (shard, run_id, version)
) PARTITION BY RANGE (run_id);

CREATE TABLE odradek.history_default PARTITION OF odradek.history DEFAULT;

-- One row a history event. json keeps any text as it is (jsonb refuses \u0000),
-- but taking a member out of it decodes escapes and stops at some. So members
-- are read from a copy in which no escape is one of those: \u becomes \n.
CREATE VIEW odradek.history_event AS
SELECT h.shard, h.run_id, h.version, h.ts,
       (m.safe ->> 'id')::bigint AS event_id,
       m.safe ->> 'type' AS type,
       e.value::text AS event
FROM odradek.history h
CROSS JOIN LATERAL json_array_elements(h.events::json) WITH ORDINALITY AS e(value, place)
CROSS JOIN LATERAL (SELECT replace(e.value::text, '\u', '\n')::json AS safe) m
WHERE m.safe ->> 'id' IS NOT NULL;

-- ---- outbox, timers, requests ----
-- A chunk row stays within its page: toast_tuple_target is the largest row.

CREATE TABLE odradek.outbox (
    shard integer NOT NULL,
    seq   bigint NOT NULL,
    data  bytea NOT NULL,
    PRIMARY KEY (shard, seq)
) WITH (toast_tuple_target = 8160,
        autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000,
        autovacuum_vacuum_cost_delay = 0,
        toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 10000,
        toast.autovacuum_vacuum_cost_delay = 0);
ALTER TABLE odradek.outbox ALTER COLUMN data SET STORAGE EXTERNAL;

CREATE TABLE odradek.outbox_parked (
    shard     integer NOT NULL,
    seq       bigint NOT NULL,
    topic     text NOT NULL,
    partition integer NOT NULL,
    key       bytea,
    value     bytea NOT NULL,
    headers   bytea NOT NULL,
    reason    text NOT NULL,
    at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (shard, seq)
);

CREATE TABLE odradek.timer (
    shard  integer NOT NULL,
    due    bigint NOT NULL,
    run_id uuid NOT NULL,
    id     bigint NOT NULL,
    PRIMARY KEY (shard, due, run_id, id)
) WITH (autovacuum_vacuum_scale_factor = 0.05);

CREATE TABLE odradek.request (
    shard        integer NOT NULL,
    workflow_key text COLLATE "C" NOT NULL,
    request_id   text COLLATE "C" NOT NULL,
    at           timestamptz NOT NULL,
    digest       bytea NOT NULL,
    run_id       uuid,
    code         text,
    message      text,
    PRIMARY KEY (shard, workflow_key, request_id, at)
) PARTITION BY RANGE (at);

CREATE TABLE odradek.request_default PARTITION OF odradek.request DEFAULT;

-- ---- what is published ----

CREATE TABLE odradek.definition (
    namespace    text COLLATE "C" NOT NULL,
    name         text COLLATE "C" NOT NULL,
    version      integer NOT NULL CHECK (version > 0),
    text         text NOT NULL,
    sha256       bytea NOT NULL,
    published_at timestamptz NOT NULL DEFAULT now(),
    published_by text NOT NULL,
    PRIMARY KEY (namespace, name, version)
);

CREATE TABLE odradek.binding (
    name         text COLLATE "C" NOT NULL,
    version      integer NOT NULL CHECK (version > 0),
    incarnation  integer NOT NULL CHECK (incarnation > 0),
    rules        text NOT NULL,
    quarantine   text,
    published_at timestamptz NOT NULL DEFAULT now(),
    published_by text NOT NULL,
    PRIMARY KEY (name, version)
);

CREATE TABLE odradek.binding_start (
    name         text COLLATE "C" NOT NULL,
    version      integer NOT NULL,
    topic        text COLLATE "C" NOT NULL,
    partition    integer NOT NULL,
    start_offset bigint NOT NULL,
    PRIMARY KEY (name, version, topic, partition),
    FOREIGN KEY (name, version) REFERENCES odradek.binding
);

-- ---- the cluster ----

CREATE TABLE odradek.cluster (
    is_only    boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    partitions integer NOT NULL CHECK (partitions BETWEEN 1 AND 10000),
    token_key  bytea NOT NULL CHECK (octet_length(token_key) = 32),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE odradek.setting (
    name  text PRIMARY KEY,
    value text NOT NULL
);

INSERT INTO odradek.setting VALUES
    ('partition_days', '7'),
    ('partitions_ahead', '4'),
    ('request_days', '7');

-- lz4 costs a tenth of pglz; a server built without it keeps its own default.
DO $$
BEGIN
    ALTER TABLE odradek.execution ALTER COLUMN state SET COMPRESSION lz4;
    ALTER TABLE odradek.history ALTER COLUMN events SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    NULL;
END $$;
