-- The sizes of all databases of a SQL Server as CSV for `manage.py import_samples`. The login needs VIEW ANY DEFINITION
-- and VIEW SERVER STATE. Change the name of the instance in the first line, then:
--   sqlcmd -S HOST -U whalefall -h -1 -W -i sizes-sqlserver.sql -o sizes.csv
DECLARE @instance nvarchar(128) = N'erp-mssql-1', @now nvarchar(40) = FORMAT(SYSDATETIMEOFFSET(), 'yyyy-MM-ddTHH:mm:sszzz');
SET NOCOUNT ON;
PRINT N'instance,db_type,database,collected_at,size_bytes,data_size_bytes,log_size_bytes';
SELECT CONCAT(@instance, N',sqlserver,', QUOTENAME(d.name, '"'), N',', @now, N',',
              SUM(CAST(f.size AS bigint)) * 8192, N',',
              SUM(CASE WHEN f.type <> 1 THEN CAST(f.size AS bigint) ELSE 0 END) * 8192, N',',
              SUM(CASE WHEN f.type = 1 THEN CAST(f.size AS bigint) ELSE 0 END) * 8192)
FROM sys.databases d
JOIN sys.master_files f ON f.database_id = d.database_id
WHERE d.name <> N'tempdb' AND d.source_database_id IS NULL
GROUP BY d.name;
