"""Sizes of the databases of a PostgreSQL server."""

import os
import re
from contextlib import ExitStack
from typing import Any

import psycopg2

from capacity.collection.sources.answers import MAX_ROWS, CollectionError, DatabaseSize, NotSized, Tables, Unsized
from capacity.collection.sources.base import Source, readable
from capacity.collection.sources.gate import LOOPBACK
from capacity.collection.sources.tls import ca_file

from .errors import CONNECT_ERRORS, INSUFFICIENT_PRIVILEGE, LOCK_NOT_AVAILABLE, QUERY_CANCELED
from .tables import ESTIMATED, EXACT

# Names as they lie in the catalogue, in hex: all databases share it, so one of another encoding may have put
# bytes there that are no text here. What an interrupted DROP DATABASE left behind has a connection limit of -2.
DATABASES = """
    SELECT oid, encode(replace(datname::text, chr(92), chr(92) || chr(92))::bytea, 'hex'), datconnlimit = -2
    FROM pg_database
    WHERE NOT (datistemplate AND datname IN ('template0', 'template1')) ORDER BY datname
"""
SIZE = "SELECT pg_database_size(datname) FROM pg_database WHERE oid = %s"
LOCK_TIMEOUT = 0.2  #: seconds, of a look at tables that other people work with
INTERRUPTED = "An interrupted DROP DATABASE left it behind: drop it again."


class PostgreSQLSource(Source):
    """Every database but template0 and template1: those that allow no connections and users' own templates too.

    The size is pg_database_size(), asked for one by one, so that a database that the user may not size
    does not fail the others. Needs CONNECT on each database, or membership in pg_read_all_stats. Data and
    log sizes stay unknown: the server writes one log for all its databases.
    """

    engine = "PostgreSQL"
    default_port = 5432
    grants = "CREATE ROLE whalefall_reader LOGIN PASSWORD '...' IN ROLE pg_read_all_stats;"

    def connect(self, port: int) -> None:
        database = self.target.database or "postgres"
        # libpq may take such a name for a whole connection string, with another host in it.
        if "=" in database or database.startswith(("postgres://", "postgresql://")):
            raise CollectionError("unknown_database", "The database to connect to must be a name, nothing else.")
        try:
            with ExitStack() as files:
                self._connection = psycopg2.connect(
                    host=self.target.host,  # for the certificate
                    hostaddr=LOOPBACK,
                    port=port,
                    dbname=database,
                    user=self.target.user,
                    # Given even when empty, and the file named: no password of this machine goes to that server.
                    password=self.target.password,
                    passfile=os.path.join(os.devnull, "none"),
                    application_name="whalefall",
                    client_encoding="utf8",
                    gssencmode="disable",
                    **self._security(files),
                )
        except UnicodeDecodeError as error:
            raise self._connect_error(error.object) from None
        except psycopg2.Error as error:
            raise self._connect_error(str(error)) from None
        self._connection.autocommit = True
        try:
            self._encoding: str = self._rows("SELECT getdatabaseencoding()")[0][0]
        except psycopg2.Error as error:
            raise self.lost(error) from None
        except IndexError:
            raise self.strange("it does not know its encoding") from None

    def _security(self, files: ExitStack) -> dict[str, Any]:
        """Which connection may be used, and what may be sent over it."""
        mode = self.target.tls_mode
        # "none" is the server's trust. In clear the password goes only where TLS is sure.
        ways = "none,md5,scram-sha-256" + (",password" if mode in ("require", "verify-full") else "")
        options = {"sslmode": mode, "sslcertmode": "disable", "require_auth": ways}
        # Without a file named, libpq looks for one in the home directory, and takes "require" for more then.
        file = files.enter_context(ca_file(self.target)) if mode == "verify-full" else os.devnull + "/none"
        return {**options, "sslrootcert": file}

    def server_version(self) -> str:
        return str(self._connection.get_parameter_status("server_version"))

    def database_names(self) -> list[str]:
        try:
            rows = self._rows(DATABASES)
        except psycopg2.Error as error:
            raise self.lost(error) from None
        self._oids = {self._name(raw): oid for oid, raw, interrupted in rows if not interrupted}
        self._interrupted = [self._name(raw) for _oid, raw, interrupted in rows if interrupted]
        return list(self._oids)

    def not_listed(self) -> list[Unsized]:
        return [Unsized(name, INTERRUPTED) for name in self._interrupted]

    def _name(self, raw: str) -> str:
        """Names are UTF-8 nearly everywhere, then in the encoding of this database; else the bytes are escaped."""
        name = bytes.fromhex(raw)
        for encoding in ("utf-8", psycopg2.extensions.encodings.get(self._encoding, "utf-8")):
            try:
                return name.decode(encoding)
            except UnicodeDecodeError:
                continue
        escaped = name.decode("utf-8", "backslashreplace")
        self.notes.append(f"The name {escaped} is not UTF-8: what cannot be read of it is shown as its bytes.")
        return escaped

    def size(self, database: str) -> DatabaseSize | None:
        try:
            rows = self._rows(SIZE, self._oids[database])
        except psycopg2.Error as error:
            if self._connection.closed:
                raise self.lost(error) from None
            raise NotSized(self._reason(error)) from None
        # None: its directory went while it was measured.
        return DatabaseSize(database, int(rows[0][0])) if rows and rows[0][0] is not None else None

    def largest_tables(self, database: str, count: int) -> Tables:
        try:
            try:
                rows = self._rows(EXACT, count, lock_timeout=LOCK_TIMEOUT)
            except psycopg2.errors.LockNotAvailable:
                rows = self._rows(ESTIMATED, count, lock_timeout=LOCK_TIMEOUT)
        except psycopg2.Error as error:
            if self._connection.closed:
                raise self.lost(error) from None
            raise NotSized(self.words(error)) from None
        _name, _bytes, number, total = rows[0] if rows else ("", 0, 0, 0)
        return Tables([(name, int(size)) for name, size, *_all in rows], number, int(total))

    def disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _rows(self, sql: str, *parameters: Any, lock_timeout: float | None = None) -> list[tuple[Any, ...]]:
        """Settings and query are one message, and so one transaction: a pooler gets its connection back as it was."""
        self.expect_answer()
        milliseconds = max(1, int(self.target.statement_timeout * 1000))
        lock = milliseconds if lock_timeout is None else int(lock_timeout * 1000)
        settings = (
            "SET TRANSACTION READ ONLY;"
            f"SELECT set_config('statement_timeout', '{milliseconds}', true),"
            f" set_config('lock_timeout', '{lock}', true);"
        )
        with self._connection.cursor() as cursor:
            try:
                cursor.execute(settings + sql, parameters)
            except UnicodeDecodeError as error:
                raise psycopg2.DatabaseError(self.words(error.object)) from None
            if cursor.rowcount > MAX_ROWS:
                raise self.too_many_rows()
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows

    def _connect_error(self, raw: bytes | str) -> CollectionError:
        if error := self.at_the_gate(connecting=True):
            return error
        text = re.sub(r"connection to server at .*? failed: ", "", readable(raw) if isinstance(raw, bytes) else raw)
        states = re.findall(rb"C([0-9A-Z]{5})\0", self.heard)
        for state, pattern, code, sentence in CONNECT_ERRORS:
            if (state and state.encode() in states) or (pattern and re.search(pattern, text)):
                match code:
                    case "password_not_sent":
                        return self.unencrypted()
                    case "tls_certificate":
                        return self.untrusted(text)
                return self.error(code, sentence)
        return self.error("connection_failed", "{server} could not be connected to.", text)

    def _reason(self, error: psycopg2.Error) -> str:
        if error.pgcode == INSUFFICIENT_PRIVILEGE:
            return f"User {self.target.user} may not size it: GRANT CONNECT ON DATABASE, or GRANT pg_read_all_stats."
        if error.pgcode in (QUERY_CANCELED, LOCK_NOT_AVAILABLE):
            return f"Sizing it took longer than {self.target.statement_timeout:g} s."
        return self.words(error)
