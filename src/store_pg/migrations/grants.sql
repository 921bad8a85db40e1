-- Run after every migration: what each role may do, and nothing more. The
-- roles' names are settings of the session, set by store_pg_migrate.
DO $$
DECLARE
    server text := quote_ident(current_setting('odradek.server_role'));
    readonly text := quote_ident(current_setting('odradek.readonly_role'));
    statement text;
BEGIN
    FOREACH statement IN ARRAY ARRAY[
        'GRANT USAGE ON SCHEMA odradek TO {server}, {readonly}',
        -- A shard row, a history row and a published version are never deleted,
        -- nor is history or a definition ever changed.
        'GRANT SELECT, INSERT, UPDATE ON odradek.shard TO {server}',
        'GRANT SELECT, INSERT ON odradek.history, odradek.definition, odradek.binding, odradek.binding_start, odradek.journal TO {server}',
        'GRANT UPDATE (quarantine) ON odradek.binding TO {server}',
        'GRANT SELECT, INSERT, UPDATE, DELETE ON odradek.execution, odradek.current_run, odradek.visibility, odradek.outbox, odradek.outbox_parked, odradek.timer, odradek.source, odradek.setting, odradek.deadletter_handled TO {server}',
        'GRANT SELECT, INSERT ON odradek.request TO {server}',
        'GRANT SELECT ON odradek.cluster, odradek.schema_migration, odradek.history_event TO {server}',
        'GRANT EXECUTE ON FUNCTION odradek.server_identity(), odradek.maintain(), odradek.retention_page(integer, uuid, timestamptz, integer, boolean), odradek.retention_partitions(timestamptz), odradek.retention_copy(text, uuid, uuid, timestamptz, integer, uuid, integer), odradek.retention_swap(text, uuid, uuid), odradek.retention_detach(text, text), odradek.retention_sweep(timestamptz, integer) TO {server}',
        -- The key that authenticates task tokens is not for readers.
        'GRANT SELECT ON odradek.shard, odradek.history, odradek.history_event, odradek.definition, odradek.binding, odradek.binding_start, odradek.execution, odradek.current_run, odradek.visibility, odradek.outbox, odradek.outbox_parked, odradek.timer, odradek.source, odradek.setting, odradek.request, odradek.journal, odradek.deadletter_handled, odradek.schema_migration TO {readonly}',
        'GRANT SELECT (partitions, created_at) ON odradek.cluster TO {readonly}',
        'GRANT EXECUTE ON FUNCTION odradek.server_identity() TO {readonly}'
    ] LOOP
        EXECUTE replace(replace(statement, '{server}', server), '{readonly}', readonly);
    END LOOP;
END $$;
