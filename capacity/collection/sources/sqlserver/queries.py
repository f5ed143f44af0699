"""What is asked of SQL Server. Sizes are in pages of 8 KiB."""

PAGE = 8192

SERVER = """
    SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)), CAST(SERVERPROPERTY('EngineEdition') AS int),
        HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW ANY DEFINITION')
"""
AZURE_DATABASE = 5  #: an EngineEdition without sys.master_files

# Without tempdb, whose files sys.master_files does not follow, and without snapshots. Type 1 is log, 2 FILESTREAM,
# whose size is 0 here. A file that does not grow is limited by its size; one without a limit has -1.
DATABASES = """
    SELECT d.name, d.state_desc,
        SUM(CASE WHEN f.type <> 1 THEN CAST(f.size AS bigint) ELSE 0 END),
        SUM(CASE WHEN f.type = 1 THEN CAST(f.size AS bigint) ELSE 0 END),
        SUM(CASE WHEN f.type = 2 THEN 1 ELSE 0 END),
        SUM(CASE WHEN f.type = 1 OR f.growth = 0 THEN CAST(f.size AS bigint)
            WHEN f.max_size > 0 THEN CAST(f.max_size AS bigint) ELSE 0 END),
        SUM(CASE WHEN f.type <> 1 AND f.growth <> 0 AND f.max_size <= 0 THEN 1 ELSE 0 END),
        COUNT(f.file_id)
    FROM sys.databases d LEFT JOIN sys.master_files f ON f.database_id = d.database_id
    WHERE d.database_id <> 2 AND d.source_database_id IS NULL
    GROUP BY d.name, d.state_desc ORDER BY d.name
"""
FILESTREAM = "SELECT SUM(CAST(size AS bigint)) FROM [{}].sys.database_files WHERE type = 2"
# Where the data are; the log may be elsewhere.
VOLUMES = """
    SELECT v.volume_mount_point, MAX(v.total_bytes), MAX(v.available_bytes), DB_NAME(f.database_id)
    FROM sys.master_files f CROSS APPLY sys.dm_os_volume_stats(f.database_id, f.file_id) v
    WHERE f.type = 0 GROUP BY v.volume_mount_point, f.database_id ORDER BY 1, 4
"""
# From the catalogue alone, which takes no lock on the tables.
TABLES = """
    WITH sized AS (
        SELECT p.object_id, SUM(a.total_pages) AS pages FROM [{0}].sys.partitions p
        JOIN [{0}].sys.allocation_units a ON a.container_id IN (p.hobt_id, p.partition_id) AND (
            a.type IN (1, 3) AND a.container_id = p.hobt_id OR a.type = 2 AND a.container_id = p.partition_id)
        GROUP BY p.object_id
    )
    SELECT TOP ({1}) s.name + '.' + t.name, z.pages, COUNT(*) OVER (), SUM(z.pages) OVER ()
    FROM sized z JOIN [{0}].sys.tables t ON t.object_id = z.object_id
    JOIN [{0}].sys.schemas s ON s.schema_id = t.schema_id ORDER BY z.pages DESC, 1
"""
