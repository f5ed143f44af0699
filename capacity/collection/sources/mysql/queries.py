"""What is asked of MySQL and MariaDB. Sums are made by the server: a server may have a million tables."""

from typing import NamedTuple

# "#mysql50#lost+found" and the like: directories that are no database.
DATABASES = "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE LEFT(SCHEMA_NAME, 9) <> '#mysql50#' ORDER BY 1"


class Files(NamedTuple):
    """How InnoDB's own views are asked: sizes of files by schema; tables without a file of their own by schema,
    and their names in one schema; tables whose file is not there by schema, with one of them."""

    sizes: str
    shared: str
    shared_tables: str
    missing: str


def _files(tablespaces: str, tables: str, decoded: str) -> Files:
    """`decoded`: the name behind an expression that gives that of a file."""
    schema = decoded.format("SUBSTRING_INDEX(NAME, '/', 1)")
    # Behind the table may stand a partition.
    table = decoded.format("SUBSTRING_INDEX(SUBSTRING_INDEX(SUBSTRING_INDEX(NAME, '/', -1), '#p#', 1), '#P#', 1)")
    rows = f"FROM information_schema.{tables} WHERE INSTR(NAME, '/') > 0 AND SPACE_TYPE"
    shared = f"{rows} <> 'Single'"
    spaces = f"SELECT SPACE FROM information_schema.{tablespaces}"
    return Files(
        f"SELECT {schema}, SUM(FILE_SIZE) FROM information_schema.{tablespaces} WHERE INSTR(NAME, '/') > 0 GROUP BY 1",
        f"SELECT {schema}, COUNT(*) {shared} GROUP BY 1",
        f"SELECT DISTINCT {table} {shared} AND {schema} = %s LIMIT 10000",
        f"SELECT {schema}, MIN({table}) {rows} = 'Single' AND SPACE NOT IN ({spaces}) GROUP BY 1",
    )


# MySQL 8 gives plain names; MariaDB and MySQL 5.7 give those of files (a@002db for a-b), which only the server
# can decode in full.
FILES = (
    _files("INNODB_TABLESPACES", "INNODB_TABLES", "{}"),
    _files("INNODB_SYS_TABLESPACES", "INNODB_SYS_TABLES", "CONVERT(CAST({} AS BINARY) USING filename)"),
)

SIZE = "COALESCE(DATA_LENGTH, 0) + COALESCE(INDEX_LENGTH, 0)"
# Of a table that cannot be opened (crashed, its file missing) there is no engine or no length, and why as a comment.
BROKEN = "(ENGINE IS NULL OR DATA_LENGTH IS NULL AND ENGINE IN ('InnoDB', 'MyISAM', 'Aria'))"
OF_SCHEMA = "FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_TYPE NOT IN ('VIEW', 'TEMPORARY')"
TABLES = f"""
    SELECT ENGINE, SUM({SIZE}), SUM({BROKEN}),
        MIN(CASE WHEN {BROKEN} THEN CONCAT(TABLE_NAME, ': ', TABLE_COMMENT) END) {OF_SCHEMA} GROUP BY ENGINE
"""
SOME_TABLES = f"SELECT SUM({SIZE}) {OF_SCHEMA} AND TABLE_NAME IN (%s)"
# Engines that keep no data of their own on this server's disks.
ELSEWHERE = {"MRG_MYISAM", "FEDERATED", "CONNECT", "SPIDER", "MEMORY", "BLACKHOLE", "SEQUENCE", "PERFORMANCE_SCHEMA"}

# Compared by the caller: the server takes SYS for sys here.
SAME_NAME = "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s"
# Of a table that is not there everybody is told so who may read all tables of the schema, and nobody else.
MAY_READ_ALL = "SELECT 1 FROM {}.`whalefall asks whether it may read all tables`"
ENGINES = "SELECT ENGINE FROM information_schema.ENGINES WHERE SUPPORT IN ('YES', 'DEFAULT')"

LARGEST = f"SELECT TABLE_NAME, {SIZE} {OF_SCHEMA} ORDER BY 2 DESC, 1 LIMIT {{}}"
TOTAL = f"SELECT COUNT(*), SUM({SIZE}) {OF_SCHEMA}"
