"""PyMySQL's connection, for servers that are not trusted: bounded answers, and no password for who asks nicely."""

import socket
from collections.abc import Callable
from typing import Any

from pymysql import _auth
from pymysql.connections import Connection, MySQLResult
from pymysql.cursors import SSCursor

from capacity.collection.sources.answers import MAX_ROWS, Target
from capacity.collection.sources.gate import LOOPBACK
from capacity.collection.sources.tls import context

MAX_COLUMNS = 32


class PasswordNotSent(Exception):
    """The server asks for the password itself over a connection that may not carry it."""


class AnswerTooLong(Exception):
    """More rows or columns than any answer to our queries has."""


class OverTls:
    """A way to log in that shows the server the password: over TLS alone."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def allowed(self) -> bool:
        return bool(self.connection._secure)

    def authenticate(self, packet: Any) -> Any:
        if not self.allowed():
            raise PasswordNotSent
        return self.log_in(packet)

    def log_in(self, packet: Any) -> Any:
        return _auth.sha256_password_auth(self.connection, packet)


class InClear(OverTls):
    """One that no server uses by itself: over TLS that was asked for, as "prefer" may be talked out of it."""

    def allowed(self) -> bool:
        return super().allowed() and self.connection.tls_mode in ("require", "verify-full")

    def log_in(self, packet: Any) -> Any:
        return _auth._roundtrip(self.connection, self.connection.password + b"\0")  # type: ignore[attr-defined]


class Dialog(InClear):
    """The prompts of PAM."""

    def log_in(self, packet: Any) -> Any:
        return self.connection._process_auth(b"dialog", packet)


WAYS: dict[str, Callable[[Any], Any]] = {
    "sha256_password": OverTls,
    "mysql_clear_password": InClear,
    "dialog": Dialog,
    "mysql_old_password": InClear,
}


class Result(MySQLResult):
    def _get_descriptions(self) -> None:
        if self.field_count > MAX_COLUMNS:
            raise AnswerTooLong
        super()._get_descriptions()  # type: ignore[misc]


class BoundedConnection(Connection):
    """Connects through the gate at `gate_port`; raises what PyMySQL raises, PasswordNotSent and AnswerTooLong."""

    def __init__(self, target: Target, gate_port: int) -> None:
        self.tls_mode = target.tls_mode
        super().__init__(
            host=target.host,  # for the certificate
            user=target.user,
            password=target.password.encode(),  # text would become Latin-1
            database=target.database or None,
            charset="utf8mb4",
            # Everything as bytes: what is no UTF-8 must not fail the others.
            use_unicode=False,
            conv={},
            autocommit=True,
            program_name="whalefall",
            local_infile=False,
            ssl_disabled=target.tls_mode == "disable",
            ssl=context(target) if target.tls_mode in ("require", "verify-full") else None,
            auth_plugin_map=WAYS,
            # No key: over plain TCP anybody could give one to have the password encrypted with. The driver
            # fails with it, and does not ask for another.
            server_public_key=b"none",
            cursorclass=SSCursor,
            defer_connect=True,
        )
        self.connect(socket.create_connection((LOOPBACK, gate_port)))

    def rows(self, sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        """The rows, every value as bytes or None. They are read one by one, to stop in time."""
        cursor = self.cursor()
        cursor.execute(sql, parameters)
        rows = cursor.fetchmany(MAX_ROWS + 1)
        if len(rows) > MAX_ROWS:
            raise AnswerTooLong
        cursor.close()
        return list(rows)

    def _read_query_result(self, unbuffered: bool = False) -> int:
        self._result = None
        result = Result(self)
        if unbuffered:
            result.init_unbuffered_query()
        else:
            result.read()
        self._result = result
        if result.server_status is not None:
            self.server_status = result.server_status
        return int(result.affected_rows or 0)

    def abandon(self) -> None:
        """Hangs up without a word, and without reading what is left of an answer."""
        if self._result is not None:
            self._result.unbuffered_active = False
        self._force_close()  # type: ignore[attr-defined]
