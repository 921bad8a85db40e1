-- What the server's role may do beyond reading and writing rows: functions that
-- run as the owner.

-- The database's identity: a fail-over changes the timeline, a restored copy
-- elsewhere the system id.
CREATE FUNCTION odradek.server_identity(OUT system_id bigint, OUT timeline integer,
                                        OUT server_time timestamptz)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT system_identifier,
           ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::integer,
           clock_timestamp()
    FROM pg_control_system()
$$;

-- The least UUIDv7 of a point in time.
CREATE FUNCTION odradek.uuid_floor(at timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT (lpad(to_hex(greatest(0, floor(extract(epoch FROM at) * 1000)::bigint)), 12, '0')
            || repeat('0', 20))::uuid
$$;

-- Attaches one partition of history or request for [since, until). Rows that
-- fell into the default partition meanwhile are moved first. The table is built
-- beside its parent and attached, which does not stop those who write.
CREATE FUNCTION odradek.partition_add(parent text, since timestamptz, until timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    part text := parent || to_char(since AT TIME ZONE 'UTC', '_YYYYMMDD');
    col text := CASE parent WHEN 'history' THEN 'run_id' WHEN 'request' THEN 'at' END;
    low text;
    high text;
    strays boolean;
BEGIN
    IF col IS NULL THEN
        RAISE EXCEPTION 'no partitioned table %', parent;
    END IF;
    IF to_regclass('odradek.' || part) IS NOT NULL THEN
        RETURN false;
    END IF;
    IF parent = 'history' THEN
        low := quote_literal(odradek.uuid_floor(since));
        high := quote_literal(odradek.uuid_floor(until));
    ELSE
        low := quote_literal(since);
        high := quote_literal(until);
    END IF;
    EXECUTE format('CREATE TABLE odradek.%I (LIKE odradek.%I INCLUDING ALL)', part, parent);
    EXECUTE format('SELECT EXISTS (SELECT FROM odradek.%I WHERE %I >= %s AND %I < %s)',
                   parent || '_default', col, low, col, high) INTO strays;
    IF strays THEN
        EXECUTE format('LOCK TABLE odradek.%I IN ACCESS EXCLUSIVE MODE', parent || '_default');
        EXECUTE format('WITH moved AS (DELETE FROM odradek.%I WHERE %I >= %s AND %I < %s RETURNING *) '
                       'INSERT INTO odradek.%I SELECT * FROM moved',
                       parent || '_default', col, low, col, high, part);
    END IF;
    EXECUTE format('ALTER TABLE odradek.%I ATTACH PARTITION odradek.%I FOR VALUES FROM (%s) TO (%s)',
                   parent, part, low, high);
    RETURN true;
EXCEPTION WHEN invalid_object_definition THEN
    RETURN false; -- overlaps one of another width
END $$;

-- Partitions ahead of time, and requests that nobody repeats any more. Whole
-- periods since 1970, so every call computes the same bounds; a changed width
-- holds from the first period that overlaps no existing one.
CREATE FUNCTION odradek.maintain() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    days integer := (SELECT value FROM odradek.setting WHERE name = 'partition_days');
    ahead integer := (SELECT value FROM odradek.setting WHERE name = 'partitions_ahead');
    keep integer := (SELECT value FROM odradek.setting WHERE name = 'request_days');
    period bigint := floor(extract(epoch FROM now()) / (86400 * days));
    made integer := 0;
    parent text;
    old record;
BEGIN
    PERFORM set_config('lock_timeout', '10s', true);
    PERFORM pg_advisory_xact_lock(hashtext('odradek.maintain'));
    FOREACH parent IN ARRAY ARRAY['history', 'request'] LOOP
        FOR i IN period - 1 .. period + ahead LOOP
            IF odradek.partition_add(parent, to_timestamp(i * 86400 * days),
                                     to_timestamp((i + 1) * 86400 * days)) THEN
                made := made + 1;
            END IF;
        END LOOP;
    END LOOP;
    FOR old IN
        SELECT c.relname FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid
        WHERE h.inhparent = 'odradek.request'::regclass AND c.relname ~ '^request_\d{8}$'
          AND to_date(substr(c.relname, 9), 'YYYYMMDD') + days + keep < (now() AT TIME ZONE 'UTC')::date
    LOOP
        EXECUTE format('DROP TABLE odradek.%I', old.relname);
    END LOOP;
    DELETE FROM odradek.request_default WHERE at < now() - make_interval(days => keep);
    RETURN made;
END $$;

REVOKE ALL ON FUNCTION odradek.server_identity(), odradek.maintain(),
    odradek.partition_add(text, timestamptz, timestamptz) FROM PUBLIC;
