-- The sizes of the tablespaces of an Oracle database as CSV for `manage.py import_samples`. The user needs SELECT on
-- DBA_DATA_FILES. Change the name of the instance, then:
--   sqlplus -S whalefall@//HOST:1521/SERVICE @sizes-oracle.sql > sizes.csv
SET PAGESIZE 0 LINESIZE 400 FEEDBACK OFF HEADING OFF TRIMSPOOL ON VERIFY OFF
DEFINE instance = erp-oracle-1
SELECT 'instance,db_type,database,collected_at,size_bytes' FROM dual;
SELECT '&instance,oracle,' || tablespace_name || ',' ||
       TO_CHAR(SYSTIMESTAMP, 'YYYY-MM-DD"T"HH24:MI:SSTZH:TZM') || ',' || TO_CHAR(SUM(bytes), 'FM99999999999999999999')
FROM dba_data_files
GROUP BY tablespace_name;
EXIT
