-- Dead letters that an operator has dealt with. The letter stays on its topic
-- for as long as that keeps it; the time tells a topic that was made anew.
CREATE TABLE odradek.deadletter_handled (
    partition  integer NOT NULL,
    "offset"   bigint NOT NULL,
    letter_at  timestamptz NOT NULL,
    action     text NOT NULL CHECK (action IN ('RETRIED', 'DROPPED')),
    reason     text,
    handled_at timestamptz NOT NULL DEFAULT now(),
    handled_by text NOT NULL,
    PRIMARY KEY (partition, "offset", letter_at)
);
