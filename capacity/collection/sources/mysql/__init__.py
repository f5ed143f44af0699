"""Sizes of the databases (schemas) of a MySQL or MariaDB server."""

import re
import ssl
from typing import Any

import pymysql
from pymysql.constants import CR, ER

from capacity.collection.sources.answers import CollectionError, DatabaseSize, NotSized, Tables, Unsized
from capacity.collection.sources.base import Source

from . import queries
from .connection import AnswerTooLong, BoundedConnection, PasswordNotSent
from .errors import CONNECT_ERRORS, DENIED, EXPIRED, NO_SUCH_DATABASE, NO_SUCH_TABLE, NO_SUCH_VIEW, STATEMENT_TIMEOUT

NO_PROCESS = (
    "Sizes are estimates from table statistics: GRANT PROCESS ON *.* to the user, so that the files can be measured."
)


class MySQLSource(Source):
    """Every schema the user can see but those of the server itself; an empty one has size 0.

    The size is that of the files of its InnoDB tables (free space in them included) plus data and indexes
    of its other tables. The files need the PROCESS privilege; without it, and for tables in shared
    tablespaces, InnoDB's own estimate of data and indexes is taken, never the day-old one that MySQL 8
    caches. A schema of which the user may not see every table (SELECT) is not sized, nor one with a table that
    cannot be opened. Data and log sizes stay unknown: redo and binary logs are the whole server's, so all of a
    schema is data.
    """

    engine = "MySQL or MariaDB"
    default_port = 3306
    grants = (
        "CREATE USER whalefall_reader IDENTIFIED BY '...';\n"
        "GRANT SELECT, SHOW DATABASES, PROCESS ON *.* TO whalefall_reader;"
    )
    _connection: BoundedConnection | None = None

    def connect(self, port: int) -> None:
        try:
            self._connection = BoundedConnection(self.target, port)
            self._prepare()
        except pymysql.MySQLError as error:
            raise self._connect_error(error) from None
        except CollectionError:
            raise
        except Exception as error:  # what the driver trips over when something else than MySQL answers
            raise self._tripped(error) from None
        self._files: dict[str, int] | None = None
        self._shared: set[str] = set()
        self._missing: dict[str, str] = {}
        self._by_files = queries.FILES[0]

    def server_version(self) -> str:
        return self._version

    def database_names(self) -> list[str]:
        try:
            self._read_files()
            found = [text(name) for (name,) in self._rows(queries.DATABASES)]
            system = self._system()
        except pymysql.MySQLError as error:
            raise self._lost(error) from None
        names = [name for name in found if name not in system and name.lower() != "information_schema"]
        if not names and "mysql" not in found:
            raise self.error(
                "missing_privilege", "User {user} sees no database of {server}: GRANT SELECT, SHOW DATABASES ON *.*."
            )
        self._unseen = sorted(set(self._files or ()) - set(found) - system)
        return names

    def not_listed(self) -> list[Unsized]:
        reason = f"User {self.target.user} may not see it: GRANT SELECT, SHOW DATABASES ON *.*."
        return [Unsized(name, reason) for name in self._unseen]

    def size(self, database: str) -> DatabaseSize | None:
        try:
            total = self._total(database)
            return DatabaseSize(database, total) if self._is_whole(database) else None
        except pymysql.MySQLError as error:
            if not self._connection or not self._connection.open:
                raise self._lost(error) from None
            raise NotSized(self._reason(error)) from None

    def largest_tables(self, database: str, count: int) -> Tables:
        """By the server's statistics of data and indexes: estimates for InnoDB."""
        try:
            rows = self._rows(queries.LARGEST.format(count), database)
            ((number, total),) = self._rows(queries.TOTAL, database)
        except pymysql.MySQLError as error:
            if not self._connection or not self._connection.open:
                raise self._lost(error) from None
            raise NotSized(self._reason(error)) from None
        return Tables([(text(name), int(size)) for name, size in rows], int(number), int(total or 0))

    def disconnect(self) -> None:
        if self._connection:
            self._connection.abandon()

    def _total(self, database: str) -> int:
        if database in self._missing:
            raise NotSized(f"Table {self._missing[database]} has no file any more: DROP it, or restore its file.")
        total = 0 if self._files is None else self._files.get(database, 0)
        for engine, size, broken, example in self._rows(queries.TABLES, database):
            if int(broken):
                raise NotSized(f"Table {text(example)[:200]}: it cannot be read, CHECK and REPAIR it.")
            own = text(engine).upper() not in queries.ELSEWHERE
            if own and (self._files is None or text(engine) != "InnoDB"):
                total += int(size)
        if database in self._shared:
            names = [text(name) for (name,) in self._rows(self._by_files.shared_tables, database)]
            if names:
                sql = queries.SOME_TABLES.replace("(%s)", "(" + ", ".join(["%s"] * len(names)) + ")")
                total += int(self._rows(sql, database, *names)[0][0] or 0)
        return total

    def _is_whole(self, database: str) -> bool:
        """Whether the schema is still there, all of it seen; asked last, as it may be dropped meanwhile."""
        quoted = "`" + database.replace("`", "``") + "`"
        user = self.target.user
        try:
            self._rows(queries.MAY_READ_ALL.format(quoted))
        except pymysql.MySQLError as error:
            if error.args[0] in DENIED:
                raise NotSized(f"User {user} may not see all of its tables: GRANT SELECT ON it, or ON *.*.") from None
            if error.args[0] not in (NO_SUCH_TABLE, NO_SUCH_DATABASE):
                raise
        return database in [text(name) for (name,) in self._rows(queries.SAME_NAME, database)]

    def _rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        assert self._connection  # opened by connect()
        self.expect_answer()
        try:
            return self._connection.rows(sql, parameters or None)
        except (pymysql.MySQLError, CollectionError):
            raise
        except Exception as error:
            raise self._tripped(error) from None

    def _prepare(self) -> None:
        self._version = text(self._rows("SELECT VERSION()")[0][0])
        self._rows("SET SESSION TRANSACTION READ ONLY")
        seconds = self.target.statement_timeout
        for setting in (
            f"max_statement_time = {seconds:f}",  # MariaDB
            f"max_execution_time = {seconds * 1000:.0f}",  # MySQL
            "information_schema_stats_expiry = 0",  # MySQL 8
        ):
            self._unless(f"SET SESSION {setting}", ER.UNKNOWN_SYSTEM_VARIABLE)

    def _read_files(self) -> None:
        for by_files in queries.FILES:
            sizes = self._unless(by_files.sizes, *NO_SUCH_VIEW)
            if sizes:  # the server's own tables have files as well: none is seen without the privilege
                self._files = {text(schema): int(size) for schema, size in sizes}
                self._shared = {text(schema) for schema, _count in self._unless(by_files.shared, *NO_SUCH_VIEW)}
                missing = self._unless(by_files.missing, *NO_SUCH_VIEW)
                self._missing = {text(schema): text(table) for schema, table in missing}
                self._by_files = by_files
                return
        self.notes.append(NO_PROCESS)

    def _system(self) -> set[str]:
        """The schemas that are this server's own: by their exact names, and where it has them at all."""
        names = {"information_schema", "performance_schema", "mysql"}
        numbers = re.match(r"(\d+)\.(\d+)", self._version)
        version = (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)
        if version >= ((10, 6) if "mariadb" in self._version.lower() else (5, 7)):
            names.add("sys")
        if any(text(engine).lower() == "ndbinfo" for (engine,) in self._rows(queries.ENGINES)):
            names.add("ndbinfo")
        return names

    def _unless(self, sql: str, *errors: int) -> list[tuple[Any, ...]]:
        """The rows; none when the statement fails with one of these errors."""
        try:
            return self._rows(sql)
        except pymysql.MySQLError as error:
            if error.args[0] not in errors:
                raise
            return []

    def _tripped(self, error: Exception) -> CollectionError:
        """For what is no error of the server: it, or somebody between, breaks the rules."""
        if told := self.at_the_gate(connecting=self._connection is None):
            return told
        match error:
            case AnswerTooLong():
                return self.too_many_rows()
            case PasswordNotSent():
                return self.unencrypted()
            case ValueError() if "PEM" in str(error) or "deserialize" in str(error):  # the key that is none
                return self.unencrypted()
            case RuntimeError() if "LOAD_LOCAL" in str(error):
                return self.error(
                    "connection_failed", "{server} asks for a file of this machine, and does not get it."
                )
        return self.strange(type(error).__name__)

    def _connect_error(self, error: pymysql.MySQLError) -> CollectionError:
        if told := self.at_the_gate(connecting=self._connection is None):
            return told
        number = error.args[0] if error.args else 0
        cause = getattr(error, "original_exception", None)
        if isinstance(cause, ssl.SSLCertVerificationError):
            return self.untrusted(cause.verify_message)
        if number in CONNECT_ERRORS:
            return self.error(*CONNECT_ERRORS[number])
        if number in (CR.CR_CONN_HOST_ERROR, CR.CR_SERVER_LOST):
            return self.strange(cause or error.args[-1])
        return self.error("connection_failed", "{server} could not be connected to.", error.args[-1])

    def _lost(self, error: pymysql.MySQLError) -> CollectionError:
        if error.args[0] == 1820:
            return self.error(*EXPIRED)
        return self.lost(error.args[-1])

    def _reason(self, error: pymysql.MySQLError) -> str:
        if error.args[0] in STATEMENT_TIMEOUT:
            return f"Sizing it took longer than {self.target.statement_timeout:g} s."
        return self.words(error.args[-1])


def text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "backslashreplace")
