"""Sizes of the databases of a SQL Server."""

import re
from contextlib import ExitStack
from threading import Lock
from typing import Any, NamedTuple

from capacity.collection.sources.answers import CollectionError, DatabaseSize, NotSized, Tables, Volume
from capacity.collection.sources.base import Source
from capacity.collection.sources.gate import LOOPBACK
from capacity.collection.sources.tls import ca_file

from . import queries
from .config import section

# By the server's words, in English or Chinese: the driver keeps the number of an earlier error when connecting.
CONNECT_ERRORS = (
    (r"password of the account|must be changed|has expired|已过期", "wrong_password",
     "The password of user {user} on {server} has expired: set a new one."),
    (r"Login failed|登录失败", "wrong_password",
     "{server} refuses the login of user {user}: check name and password."),
    (r"Cannot open database|无法打开", "unknown_database",
     "{server} has no such database to connect to: correct it, or leave it empty."),
)  # fmt: skip
# What the driver says itself, behind what the server said.
OWN_WORDS = re.compile(r"(DB-Lib|General SQL Server) error.*", re.DOTALL)
#: It keeps what goes wrong while connecting in one place for the whole process.
_connecting = Lock()
DENIED = (229, 297, 300, 371, 916)
NO_VOLUMES = "The free space of the disks is unknown: GRANT VIEW SERVER STATE to the user."


class Files(NamedTuple):
    """Of a database: its state, pages of data and log, FILESTREAM containers, pages it may grow to, files that may
    grow without end, files in all."""

    state: str
    data: int
    log: int
    containers: int
    limit: int
    unlimited: int
    files: int


class SQLServerSource(Source):
    """Every database but tempdb and snapshots; one that is not online is named.

    Data are the data files and FILESTREAM containers, log the log files, all as they are on disk. The limit is what
    the data files may grow to, with the log as it is. Needs VIEW ANY DEFINITION: without it, the server leaves
    out rows without a word. It needs CONNECT ANY DATABASE for FILESTREAM, VIEW SERVER STATE for volumes. Every SQL
    Server speaks TLS, so "prefer" is "require" here: a login sends the password.
    """

    engine = "SQL Server"
    default_port = 1433
    limit_source = "file"
    grants = (
        "CREATE LOGIN whalefall_reader WITH PASSWORD = '...';\n"
        "GRANT VIEW ANY DEFINITION, VIEW SERVER STATE, CONNECT ANY DATABASE TO whalefall_reader;"
    )

    def open(self, address: str) -> None:
        with _connecting:
            super().open(address)

    def connect(self, port: int) -> None:
        import pymssql  # here, as it brings 40 MB of libraries

        self._errors = pymssql.Error
        try:
            with ExitStack() as stack:
                stack.enter_context(section(f"{LOOPBACK}:{port}", **self._security(stack, port)))
                self._connection = pymssql.connect(
                    server=LOOPBACK,
                    port=str(port),
                    user=self.target.user,
                    password=self.target.password,
                    database=self.target.database or "master",
                    appname="whalefall",
                    autocommit=True,
                    login_timeout=60,  # of the whole process: the gate's comes first
                    conn_properties="SET LOCK_TIMEOUT 10000; SET TEXTSIZE 65536",
                )
        except pymssql.Error as error:
            raise self._connect_error(error) from None
        self._version = self._check()

    def _security(self, stack: ExitStack, port: int) -> dict[str, str]:
        mode = self.target.tls_mode
        settings = {
            "host": LOOPBACK,
            "port": str(port),
            "tds_version": "7.4",
            "encryption": "off" if mode == "disable" else "require",
        }
        if mode == "verify-full":
            file = stack.enter_context(ca_file(self.target))
            settings |= {
                "ca_file": file,
                "check_certificate_hostname": "yes",
                "certificate_hostname": self.target.host,
            }
        return settings

    def _check(self) -> str:
        try:
            ((version, edition, sees_all),) = self._rows(queries.SERVER)
        except (self._errors, ValueError) as error:
            raise self._lost(error) from None
        if edition == queries.AZURE_DATABASE:
            raise CollectionError(
                "engine_not_supported", "An Azure SQL Database cannot be collected: push its samples by API or CSV."
            )
        if not sees_all:
            user = self.target.user.replace("]", "]]")
            raise self.error(
                "missing_privilege",
                "User {user} does not see all databases of {server}: GRANT VIEW ANY DEFINITION, VIEW SERVER STATE, "
                f"CONNECT ANY DATABASE TO [{user.replace('{', '{{').replace('}', '}}')}].",
            )
        return str(version)

    def server_version(self) -> str:
        return self._version

    def database_names(self) -> list[str]:
        try:
            self._files = {name: Files(*numbers) for name, *numbers in self._rows(queries.DATABASES)}
        except self._errors as error:
            raise self._lost(error) from None
        return list(self._files)

    def size(self, database: str) -> DatabaseSize | None:
        files = self._files[database]
        if files.state != "ONLINE":
            raise NotSized(f"It is {self.words(files.state).lower().replace('_', ' ')}.")
        if not files.files:
            raise NotSized(f"User {self.target.user} sees no file of it: GRANT VIEW ANY DEFINITION.")
        data = (files.data + (self._filestream(database) if files.containers else 0)) * queries.PAGE
        log = files.log * queries.PAGE
        limit = None if files.unlimited else files.limit * queries.PAGE
        return DatabaseSize(database, data + log, data, log, limit)

    def volumes(self) -> list[Volume]:
        try:
            rows = self._rows(queries.VOLUMES)
        except self._errors as error:
            if not self._connection or self.at_the_gate():
                raise self._lost(error) from None
            number, words = told(error)
            self.notes.append(NO_VOLUMES if number in DENIED else self._said(words))
            return []
        found: dict[str, Volume] = {}
        for mount, total, available, database in rows:
            known = found.get(mount)
            databases = (*(known.databases if known else ()), str(database))
            # With the host, as another server has a D: as well.
            found[mount] = Volume(f"{self.target.host} {mount}", int(total), int(available), databases)
        return list(found.values())

    def largest_tables(self, database: str, count: int) -> Tables:
        rows = self._rows_of(database, queries.TABLES, "it", count)
        _name, _pages, number, pages = rows[0] if rows else ("", 0, 0, 0)
        largest = [(name, int(size) * queries.PAGE) for name, size, *_all in rows]
        return Tables(largest, int(number), int(pages) * queries.PAGE)

    def disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _filestream(self, database: str) -> int:
        return int(self._rows_of(database, queries.FILESTREAM, "its FILESTREAM")[0][0] or 0)

    def _rows_of(self, database: str, query: str, what: str, *numbers: int) -> list[tuple[Any, ...]]:
        """Of a query with the place of a quoted name first; `what` it is about, for who may not read it."""
        try:
            return self._rows(query.format(database.replace("]", "]]"), *numbers))
        except self._errors as error:
            if self.at_the_gate():
                raise self._lost(error) from None
            number, words = told(error)
            if number in DENIED:
                text = f"User {self.target.user} may not read {what}: GRANT CONNECT ANY DATABASE."
                raise NotSized(text) from None
            raise NotSized(self._said(words)) from None

    def _connect_error(self, error: Exception) -> CollectionError:
        if at_the_gate := self.at_the_gate(connecting=True):
            return at_the_gate
        words = self.words(told(error)[1])
        said = OWN_WORDS.sub("", words).strip()
        for pattern, code, sentence in CONNECT_ERRORS:
            if re.search(pattern, said):
                return self.error(code, sentence)
        if said:
            return self.error("wrong_password", "{server} does not let user {user} in.", said)
        if self.target.tls_mode == "verify-full":
            return self.untrusted()
        return self.strange(words)

    def _said(self, words: object) -> str:
        said = self.words(words)
        return OWN_WORDS.sub("", said).strip() or said

    def _lost(self, error: Exception) -> CollectionError:
        return self.lost(self._said(told(error)[1]))


def told(error: Exception) -> tuple[int, object]:
    """The number and the words of a driver's error, which come in more than one shape."""
    arguments = error.args[0] if error.args and isinstance(error.args[0], tuple) else error.args
    number = arguments[0] if arguments and isinstance(arguments[0], int) else 0
    return number, arguments[1] if len(arguments) > 1 else str(error)
