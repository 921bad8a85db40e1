-- Closed runs leave after a time: their rows in pages, their history with its
-- partition. Every function is one short transaction; a lock that others hold
-- is waited for a moment only, and the caller tries again later.

-- One page of a shard's runs that started before the cut-off, and of those the
-- ones that closed before it. is_dry: counts and deletes nothing.
CREATE FUNCTION odradek.retention_page(which integer, after uuid, cutoff timestamptz, size integer,
                                       is_dry boolean, OUT last uuid, OUT seen integer, OUT gone integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    SELECT (array_agg(p.run_id ORDER BY p.run_id DESC))[1], count(*),
           count(*) FILTER (WHERE p.closed_at < cutoff)
    INTO last, seen, gone
    FROM (SELECT e.run_id, e.closed_at FROM odradek.execution e
          WHERE e.shard = which AND e.run_id > after AND e.run_id < odradek.uuid_floor(cutoff)
          ORDER BY e.run_id LIMIT size) p;
    IF is_dry OR gone = 0 THEN
        RETURN;
    END IF;
    WITH doomed AS (
        DELETE FROM odradek.execution e
        WHERE e.shard = which AND e.run_id > after AND e.run_id <= last AND e.closed_at < cutoff
        RETURNING e.run_id, e.namespace, e.workflow_id),
    seen_by_lists AS (
        DELETE FROM odradek.visibility v USING doomed d
        WHERE v.namespace = d.namespace AND v.run_id = d.run_id AND v.shard = which)
    DELETE FROM odradek.current_run c USING doomed d
    WHERE c.shard = which AND c.workflow_key = d.namespace || '/' || d.workflow_id
      AND c.run_id = d.run_id;
END $$;

-- Runs of [low, high) that must stay: open, or closed too recently.
CREATE FUNCTION odradek.retention_kept(low uuid, high uuid, cutoff timestamptz)
RETURNS TABLE (shard integer, run_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT e.shard, e.run_id
    FROM odradek.shard s
    JOIN odradek.execution e ON e.shard = s.shard AND e.run_id >= low AND e.run_id < high
    WHERE e.closed_at IS NULL OR e.closed_at >= cutoff
$$;

-- History partitions that lie before the cut-off as a whole: their rows, as
-- last counted by the server, and the runs of them that must stay.
CREATE FUNCTION odradek.retention_partitions(cutoff timestamptz)
RETURNS TABLE (part text, low uuid, high uuid, total bigint, kept bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.relname::text, p.bounds[1]::uuid, p.bounds[2]::uuid, p.total,
           (SELECT count(*) FROM odradek.retention_kept(p.bounds[1]::uuid, p.bounds[2]::uuid, cutoff))
    FROM (SELECT c.relname, greatest(c.reltuples, 0)::bigint AS total,
                 regexp_match(pg_get_expr(c.relpartbound, c.oid),
                              'FROM \(''([0-9a-f-]+)''\) TO \(''([0-9a-f-]+)''\)') AS bounds
          FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
          WHERE i.inhparent = 'odradek.history'::regclass AND c.relname ~ '^history_\d{8}$') p
    WHERE p.bounds[2]::uuid <= odradek.uuid_floor(cutoff)
    ORDER BY p.relname
$$;

-- The runs of a partition that stay, copied beside it in pages; the first page
-- (after_run NULL) begins anew. Nobody waits.
CREATE FUNCTION odradek.retention_copy(part text, low uuid, high uuid, cutoff timestamptz,
                                       after_shard integer, after_run uuid, size integer,
                                       OUT last_shard integer, OUT last_run uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    side text := part || '_kept';
    run record;
BEGIN
    IF part !~ '^history_\d{8}$' THEN
        RAISE EXCEPTION 'no history partition %', part;
    END IF;
    IF after_run IS NULL THEN
        EXECUTE format('DROP TABLE IF EXISTS odradek.%I', side);
        EXECUTE format('CREATE TABLE odradek.%I (LIKE odradek.history INCLUDING ALL, '
                       'CHECK (run_id >= %L AND run_id < %L AND run_id IS NOT NULL))', side, low, high);
    END IF;
    FOR run IN
        SELECT k.shard, k.run_id FROM odradek.retention_kept(low, high, cutoff) k
        WHERE after_run IS NULL OR (k.shard, k.run_id) > (after_shard, after_run)
        ORDER BY k.shard, k.run_id LIMIT size
    LOOP
        EXECUTE format('INSERT INTO odradek.%I SELECT * FROM odradek.%I WHERE shard = $1 AND run_id = $2',
                       side, part) USING run.shard, run.run_id;
        last_shard := run.shard;
        last_run := run.run_id;
    END LOOP;
END $$;

-- Puts the copy in the partition's place, with what was written since. What it
-- replaces is dropped by retention_sweep.
CREATE FUNCTION odradek.retention_swap(part text, low uuid, high uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    side text := part || '_kept';
BEGIN
    IF part !~ '^history_\d{8}$' THEN
        RAISE EXCEPTION 'no history partition %', part;
    END IF;
    PERFORM set_config('lock_timeout', '250ms', true);
    EXECUTE 'LOCK TABLE odradek.history IN ACCESS EXCLUSIVE MODE';
    EXECUTE format('INSERT INTO odradek.%I SELECT h.* FROM '
                   '(SELECT shard, run_id, max(version) AS version FROM odradek.%I GROUP BY shard, run_id) k '
                   'JOIN odradek.%I h ON h.shard = k.shard AND h.run_id = k.run_id AND h.version > k.version',
                   side, side, part);
    EXECUTE format('ALTER TABLE odradek.history DETACH PARTITION odradek.%I', part);
    EXECUTE format('ALTER TABLE odradek.%I RENAME TO %I', part, part || '_old');
    EXECUTE format('ALTER TABLE odradek.%I RENAME TO %I', side, part);
    EXECUTE format('ALTER TABLE odradek.history ATTACH PARTITION odradek.%I FOR VALUES FROM (%L) TO (%L)',
                   part, low, high);
END $$;

-- Takes a partition of history or request out of its table.
CREATE FUNCTION odradek.retention_detach(parent text, part text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF parent NOT IN ('history', 'request') OR part !~ ('^' || parent || '_\d{8}$') THEN
        RAISE EXCEPTION 'no partition % of %', part, parent;
    END IF;
    PERFORM set_config('lock_timeout', '250ms', true);
    EXECUTE format('ALTER TABLE odradek.%I DETACH PARTITION odradek.%I', parent, part);
    EXECUTE format('ALTER TABLE odradek.%I RENAME TO %I', part, part || '_old');
END $$;

-- Drops what was taken out, one table a call, and strays of the default
-- partition whose runs are gone. Returns how much there was to do.
CREATE FUNCTION odradek.retention_sweep(cutoff timestamptz, size integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    old text := (SELECT c.relname FROM pg_class c
                 WHERE c.relnamespace = 'odradek'::regnamespace AND c.relkind = 'r' AND NOT c.relispartition
                   AND c.relname ~ '^(history|request)_\d{8}_old$' LIMIT 1);
    n integer;
BEGIN
    IF old IS NOT NULL THEN
        EXECUTE format('DROP TABLE odradek.%I', old);
        RETURN 1;
    END IF;
    DELETE FROM odradek.history_default WHERE ctid = ANY (ARRAY(
        SELECT h.ctid FROM odradek.history_default h
        WHERE h.run_id < odradek.uuid_floor(cutoff)
          AND NOT EXISTS (SELECT FROM odradek.execution e WHERE e.shard = h.shard AND e.run_id = h.run_id)
        LIMIT size));
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END $$;

-- As before, but a lock that somebody holds is waited for a second at most, and
-- old requests leave by being detached first.
CREATE OR REPLACE FUNCTION odradek.maintain() RETURNS integer
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
    PERFORM pg_advisory_xact_lock(hashtext('odradek.maintain'));
    PERFORM set_config('lock_timeout', '1s', true);
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
        PERFORM odradek.retention_detach('request', old.relname);
        EXECUTE format('DROP TABLE odradek.%I', old.relname || '_old');
    END LOOP;
    DELETE FROM odradek.request_default WHERE at < now() - make_interval(days => keep);
    RETURN made;
END $$;

REVOKE ALL ON FUNCTION odradek.retention_page(integer, uuid, timestamptz, integer, boolean),
    odradek.retention_kept(uuid, uuid, timestamptz), odradek.retention_partitions(timestamptz),
    odradek.retention_copy(text, uuid, uuid, timestamptz, integer, uuid, integer),
    odradek.retention_swap(text, uuid, uuid), odradek.retention_detach(text, text),
    odradek.retention_sweep(timestamptz, integer) FROM PUBLIC;
