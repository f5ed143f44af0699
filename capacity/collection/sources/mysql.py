"""Sizes of the databases (schemas) of a MySQL or MariaDB server."""

from collections import defaultdict
from typing import Any

import pymysql
from pymysql.constants import CR, ER

from .base import Adapter, CollectionError, DatabaseSize, NotSized

CONNECT_ERRORS = {
    ER.ACCESS_DENIED_ERROR: ("wrong_password", "{server} refuses the login of user {user}: check name and password."),
    1698: (
        "wrong_password",
        "{server} asks user {user} for something else than a password (unix_socket?): change its plugin.",
    ),
    1862: ("wrong_password", "The password of user {user} on {server} has expired: set a new one."),
    ER.DBACCESS_DENIED_ERROR: (
        "missing_privilege",
        "User {user} may not use that database: grant it, or leave the database to connect to empty.",
    ),
    ER.BAD_DB_ERROR: (
        "unknown_database",
        "{server} has no such database to connect to: correct it, or leave it empty.",
    ),
    ER.HOST_NOT_PRIVILEGED: ("not_allowed", "{server} lets nobody in from this machine: create the user for it."),
    ER.HOST_IS_BLOCKED: ("not_allowed", "{server} has blocked this machine: run FLUSH HOSTS there."),
    ER.CON_COUNT_ERROR: (
        "too_many_connections",
        "{server} has no connection left: raise max_connections, or try again later.",
    ),
}

# What belongs to the server rather than to its users.
SYSTEM = ("information_schema", "performance_schema", "mysql", "sys", "ndbinfo")
# "#mysql50#lost+found" and the like: directories that are no database.
DATABASES = "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE LEFT(SCHEMA_NAME, 9) <> '#mysql50#' ORDER BY 1"

# The sizes of InnoDB's files as they are now: schema, table, bytes. MySQL 8 gives plain names; MariaDB and
# MySQL 5.7 give those of files (a@002db for a-b), which only the server can decode in full. Behind the table
# may stand a partition.
TABLESPACES = (
    """
    SELECT SUBSTRING_INDEX(NAME, '/', 1),
        SUBSTRING_INDEX(SUBSTRING_INDEX(SUBSTRING(NAME, INSTR(NAME, '/') + 1), '#p#', 1), '#P#', 1),
        FILE_SIZE FROM information_schema.INNODB_TABLESPACES WHERE INSTR(NAME, '/') > 0
    """,
    """
    SELECT CONVERT(CAST(SUBSTRING_INDEX(NAME, '/', 1) AS BINARY) USING filename),
        CONVERT(CAST(SUBSTRING_INDEX(SUBSTRING_INDEX(NAME, '/', -1), '#', 1) AS BINARY) USING filename),
        FILE_SIZE FROM information_schema.INNODB_SYS_TABLESPACES WHERE INSTR(NAME, '/') > 0
    """,
)
# The server has no such view, or keeps it from the user; a newer MySQL knows no names of files any more.
NO_SUCH_VIEW = (
    ER.UNKNOWN_TABLE,
    ER.BAD_FIELD_ERROR,
    ER.UNKNOWN_CHARACTER_SET,
    ER.SPECIFIC_ACCESS_DENIED_ERROR,
)
# Engines that keep no data of their own on this server's disks.
TABLES = """
    SELECT TABLE_NAME, ENGINE, COALESCE(DATA_LENGTH, 0) + COALESCE(INDEX_LENGTH, 0)
    FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_TYPE <> 'VIEW'
    AND ENGINE NOT IN ('MRG_MYISAM', 'FEDERATED', 'CONNECT', 'SPIDER', 'MEMORY')
"""
NO_PROCESS = (
    "Sizes are estimates from table statistics: GRANT PROCESS ON *.* to the user, so that the files can be measured."
)


class MySQLAdapter(Adapter):
    """Every schema the user can see but those of the server itself; an empty one has size 0.

    The size is that of the files of its InnoDB tables (free space in them included) plus data and indexes
    of its other tables. The files need the PROCESS privilege; without it, and for tables in shared
    tablespaces, InnoDB's own estimate of data and indexes is taken, never the day-old one that MySQL 8
    caches. Tables are seen only with some privilege on them (SELECT). Data and log sizes stay unknown:
    redo and binary logs are the whole server's, so all of a schema is data.
    """

    engine = "MySQL or MariaDB"
    default_port = 3306

    def connect(self) -> None:
        try:
            self._connection = pymysql.connect(
                host=self.address,
                port=self.port,
                user=self.target.user,
                password=self.target.password.encode(),  # text would become Latin-1
                database=self.target.database or None,
                charset="utf8mb4",
                autocommit=True,
                program_name="whalefall",
                connect_timeout=self.target.connect_timeout,
                # Holds for the greeting and the login too, which is why it grows only afterwards.
                read_timeout=self.target.connect_timeout,
                write_timeout=self.target.connect_timeout,
            )
        except pymysql.MySQLError as error:
            raise self._connect_error(error) from None
        except Exception as error:  # what the driver trips over when something else than MySQL answers
            raise self.error(
                "connection_failed",
                "{server} does not answer like a MySQL or MariaDB server: is it one, and is the port right?",
                error,
            ) from None
        # The driver has no other way to change it; a little more than the server allows itself.
        limit = self.target.statement_timeout + self.target.connect_timeout
        self._connection._read_timeout = limit  # type: ignore[attr-defined]
        try:
            self._prepare()
        except pymysql.MySQLError as error:
            self.close()
            raise self._lost(error) from None
        self._files: defaultdict[str, int] = defaultdict(int)
        self._own_files: set[tuple[str, str]] = set()

    def server_version(self) -> str:
        return self._version

    def database_names(self) -> list[str]:
        try:
            self._read_files()
            return [name for (name,) in self._rows(DATABASES) if name.lower() not in SYSTEM]
        except pymysql.MySQLError as error:
            raise self._lost(error) from None

    def size(self, database: str) -> DatabaseSize | None:
        try:
            tables = self._rows(TABLES, database)
        except pymysql.MySQLError as error:
            if not self._connection.open:
                raise self._lost(error) from None
            raise NotSized(self._reason(error)) from None
        others = sum(
            int(size)
            for table, engine, size in tables
            if engine != "InnoDB" or (database, table) not in self._own_files
        )
        return DatabaseSize(database, self._files[database] + others)

    def close(self) -> None:
        if self._connection.open:
            self._connection.close()

    def _rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, parameters or None)
            return list(cursor.fetchall())

    def _prepare(self) -> None:
        ((self._version,),) = self._rows("SELECT VERSION()")
        self._rows("SET SESSION TRANSACTION READ ONLY")
        seconds = self.target.statement_timeout
        for setting in (
            f"max_statement_time = {seconds:f}",  # MariaDB
            f"max_execution_time = {seconds * 1000:.0f}",  # MySQL
            "information_schema_stats_expiry = 0",  # MySQL 8
        ):
            self._unless(f"SET SESSION {setting}", ER.UNKNOWN_SYSTEM_VARIABLE)

    def _read_files(self) -> None:
        for sql in TABLESPACES:
            rows = self._unless(sql, *NO_SUCH_VIEW)
            for schema, table, size in rows:
                self._files[schema] += int(size)
                self._own_files.add((schema, table))
            if rows:  # the server's own tables have files as well: none is seen without the privilege
                return
        self.notes.append(NO_PROCESS)

    def _unless(self, sql: str, *errors: int) -> list[tuple[Any, ...]]:
        """The rows; none when the statement fails with one of these errors."""
        try:
            return self._rows(sql)
        except pymysql.MySQLError as error:
            if error.args[0] not in errors:
                raise
            return []

    def _connect_error(self, error: pymysql.MySQLError) -> CollectionError:
        number = error.args[0] if error.args else 0
        cause = getattr(error, "original_exception", None) or error.__context__
        if isinstance(cause, ConnectionRefusedError):
            return self.refused()
        if isinstance(cause, TimeoutError):
            return self.silent()
        if number == CR.CR_CONN_HOST_ERROR:
            return self.error("unreachable", "{server} cannot be reached from this machine.", cause)
        if number in CONNECT_ERRORS:
            return self.error(*CONNECT_ERRORS[number])
        return self.error("connection_failed", "{server} could not be connected to.", error.args[-1])

    def _lost(self, error: pymysql.MySQLError) -> CollectionError:
        timed_out = isinstance(error.__context__, TimeoutError)
        return self.stopped_answering() if timed_out else self.lost(error.args[-1])

    def _reason(self, error: pymysql.MySQLError) -> str:
        if error.args[0] in (1969, 3024):  # MariaDB, MySQL
            return f"Sizing it took longer than {self.target.statement_timeout:g} s."
        return self.words(error.args[-1])
