"""The largest tables of a PostgreSQL database."""

# Exact sizes cost a look at each file, so only those are asked for that may be among the largest: by the pages that
# the last vacuum or analyze saw, and the newest that none has seen yet. A table that somebody locks exclusively,
# or waits to, would hold the query up: of that one the pages are taken. Partitions count to their root. What is
# not asked for counts by its pages.
TABLES = """
    WITH locked AS MATERIALIZED (
        SELECT DISTINCT relation FROM pg_locks WHERE locktype = 'relation' AND mode = 'AccessExclusiveLock'
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    ), indexes AS (
        SELECT x.indrelid, SUM(i.relpages)::bigint AS pages, bool_or(l.relation IS NOT NULL) AS locked
        FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid LEFT JOIN locked l ON l.relation = i.oid GROUP BY 1
    ), tables AS MATERIALIZED (
        SELECT c.oid, c.relispartition, c.reltuples < 0 AS unseen,
            (c.relpages + COALESCE(t.relpages, 0) + COALESCE(x.pages, 0))
                * current_setting('block_size')::bigint AS estimated,
            l.relation IS NOT NULL OR COALESCE(x.locked, false) AS locked
        FROM pg_class c LEFT JOIN pg_class t ON t.oid = c.reltoastrelid LEFT JOIN indexes x ON x.indrelid = c.oid
        LEFT JOIN locked l ON l.relation IN (c.oid, c.reltoastrelid)
        WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
    ), asked AS (
        (SELECT oid FROM tables WHERE NOT locked ORDER BY estimated DESC LIMIT 300)
        UNION (SELECT oid FROM tables WHERE NOT locked AND unseen ORDER BY oid DESC LIMIT 300)
    ), sized AS (
        SELECT COALESCE(CASE WHEN t.relispartition THEN pg_partition_root(t.oid) END, t.oid) AS root,
            CASE WHEN a.oid IS NULL THEN t.estimated ELSE {exact} END AS bytes
        FROM tables t LEFT JOIN asked a ON a.oid = t.oid
    ), roots AS (SELECT root, COALESCE(SUM(bytes), 0)::bigint AS bytes FROM sized GROUP BY root)
    SELECT n.nspname || '.' || c.relname, r.bytes, COUNT(*) OVER (), (SUM(r.bytes) OVER ())::bigint
    FROM roots r JOIN pg_class c ON c.oid = r.root JOIN pg_namespace n ON n.oid = c.relnamespace
    ORDER BY r.bytes DESC, 1 LIMIT %s
"""
EXACT = TABLES.format(exact="pg_total_relation_size(a.oid)")
ESTIMATED = TABLES.format(exact="t.estimated")  #: when a lock came in between
