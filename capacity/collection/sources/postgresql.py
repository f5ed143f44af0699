"""Sizes of the databases of a PostgreSQL server."""

import os
import re
import select
import time
from typing import Any

import psycopg2  # type: ignore[import-untyped]
from psycopg2.extensions import POLL_OK, POLL_READ  # type: ignore[import-untyped]

from .base import Adapter, CollectionError, DatabaseSize, NotSized

# Before a login the driver has no SQLSTATE, only the server's words (English, unless the server's
# lc_messages says otherwise: then they are shown as they are).
CONNECT_ERRORS = (
    (r"password authentication failed|no password supplied|role .* does not exist", "wrong_password",
     "{server} refuses the login of user {user}: check name and password."),
    (r"no pg_hba\.conf entry|pg_hba\.conf rejects", "not_allowed",
     "{server} does not let user {user} in from this machine: add a line to its pg_hba.conf."),
    (r"database .* does not exist", "unknown_database",
     "{server} has no such database to connect to: correct it, or leave it empty."),
    (r"permission denied for database", "missing_privilege",
     "User {user} may not connect to that database: GRANT CONNECT, or name another one."),
    (r"too many (clients|connections)|remaining connection slots", "too_many_connections",
     "{server} has no connection left for user {user}: raise max_connections, or try again later."),
    (r"the database system is", "starting",
     "{server} is starting up or shutting down: try again later."),
    (r"invalid response to SSL negotiation|expected authentication request from server", "connection_failed",
     "{server} does not answer like a PostgreSQL server: is it one, and is the port right?"),
    (r"No route to host|Network is unreachable", "unreachable",
     "{server} cannot be reached from this machine: check the network."),
)  # fmt: skip

# datconnlimit -2 marks what an interrupted DROP DATABASE left behind.
DATABASES = """
    SELECT datname FROM pg_database
    WHERE datallowconn AND NOT datistemplate AND datconnlimit <> -2 ORDER BY datname
"""
INSUFFICIENT_PRIVILEGE, UNKNOWN_DATABASE, QUERY_CANCELED = "42501", "3D000", "57014"


class PostgreSQLAdapter(Adapter):
    """Every database that allows connections and is no template, the one named postgres included.

    The size is pg_database_size(), asked for one by one, so that a database that the user may not size
    does not fail the others. Needs CONNECT on each database, or membership in pg_read_all_stats. Data and
    log sizes stay unknown: the server writes one log for all its databases.
    """

    engine = "PostgreSQL"
    default_port = 5432

    def connect(self) -> None:
        database = self.target.database or "postgres"
        # libpq may take such a name for a whole connection string, with another host in it.
        if "=" in database or database.startswith(("postgres://", "postgresql://")):
            raise CollectionError("unknown_database", "The database to connect to must be a name, nothing else.")
        try:
            # Asynchronous, as the time-outs of libpq and of the server do not help once a server stops
            # answering in the middle of a query.
            self._connection: Any = psycopg2.connect(
                host=self.target.host,
                hostaddr=self.address,
                port=self.port,
                dbname=database,
                user=self.target.user,
                # Given even when empty, and the file named: no password of this machine goes to that server.
                password=self.target.password,
                passfile=os.path.join(os.devnull, "none"),
                application_name="whalefall",
                client_encoding="utf8",
                async_=1,
            )
        except psycopg2.Error as error:
            raise self._connect_error(error) from None
        try:
            self._wait(self.target.connect_timeout)
            milliseconds = str(int(self.target.statement_timeout * 1000))
            self._rows(
                "SELECT set_config('default_transaction_read_only', 'on', false),"
                " set_config('statement_timeout', %s, false), set_config('lock_timeout', %s, false)",
                milliseconds,
                milliseconds,
            )
        except TimeoutError:
            self.close()
            raise self.silent() from None
        except psycopg2.Error as error:
            self.close()
            raise self._connect_error(error) from None

    def server_version(self) -> str:
        return str(self._connection.get_parameter_status("server_version"))

    def database_names(self) -> list[str]:
        try:
            return [name for (name,) in self._rows(DATABASES)]
        except (psycopg2.Error, TimeoutError) as error:
            raise self._lost(error) from None

    def size(self, database: str) -> DatabaseSize | None:
        try:
            ((size,),) = self._rows("SELECT pg_database_size(%s::name)", database)
        except TimeoutError as error:
            raise self._lost(error) from None
        except psycopg2.Error as error:
            if self._connection.closed:
                raise self._lost(error) from None
            if error.pgcode == UNKNOWN_DATABASE:
                return None
            raise NotSized(self._reason(error)) from None
        return DatabaseSize(database, size)

    def close(self) -> None:
        self._connection.close()

    def _rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            # A little more than the server allows itself, so that its own time-out comes first.
            self._wait(self.target.statement_timeout + self.target.connect_timeout)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows

    def _wait(self, seconds: float) -> None:
        """Until the connection or the query is done; raises TimeoutError after `seconds`."""
        deadline = time.monotonic() + seconds
        while (state := self._connection.poll()) != POLL_OK:
            # poll(), as select() takes no descriptor above 1023; asked for anew, as libpq may change it.
            poll = select.poll()
            poll.register(self._connection.fileno(), select.POLLIN if state == POLL_READ else select.POLLOUT)
            if not poll.poll(max(0, deadline - time.monotonic()) * 1000):
                raise TimeoutError

    def _connect_error(self, error: psycopg2.Error) -> CollectionError:
        text = str(error)
        if "Connection refused" in text:
            return self.refused()
        for pattern, code, sentence in CONNECT_ERRORS:
            if re.search(pattern, text):
                return self.error(code, sentence)
        return self.error("connection_failed", "{server} could not be connected to.", error)

    def _lost(self, error: Exception) -> CollectionError:
        return self.stopped_answering() if isinstance(error, TimeoutError) else self.lost(error)

    def _reason(self, error: psycopg2.Error) -> str:
        if error.pgcode == INSUFFICIENT_PRIVILEGE:
            return f"User {self.target.user} may not size it: GRANT CONNECT ON DATABASE, or GRANT pg_read_all_stats."
        if error.pgcode == QUERY_CANCELED:
            return f"Sizing it took longer than {self.target.statement_timeout:g} s."
        return self.words(error)
