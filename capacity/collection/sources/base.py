"""What a source is, and what all of them share: the gate and the sentences."""

import time
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from django.utils import translation

from capacity.models import TlsMode

from . import gate
from .answers import (
    MAX_REASON,
    MAX_ROWS,
    CollectionError,
    DatabaseSize,
    NotSized,
    OverBudget,
    Tables,
    Target,
    Unsized,
    Volume,
)
from .gate import Gate


class Source(ABC):
    """An open, read-only connection to one server: opened by open(), which raises CollectionError.

    Sources work in collector threads, so they use no ORM. Their drivers connect to the gate, by keyword
    arguments and never by a DSN.
    """

    engine: ClassVar[str]  #: as in "is it a PostgreSQL server?"
    default_port: ClassVar[int]
    limit_source: ClassVar[str] = ""
    grants: ClassVar[str]  #: statements that make a user who may read sizes and nothing else
    gate: Gate | None = None
    _connection: Any = None  #: that of the driver

    def __init__(self, target: Target) -> None:
        if not target.user:
            raise CollectionError("no_user", "The instance has no user name: set the one to collect with.")
        self.target = target
        self.port = target.port or self.default_port
        self.end = time.monotonic() + target.time_budget  #: when it is hung up
        self.notes: list[str] = []

    def open(self, address: str) -> None:
        """`address` is a checked IP address of target.host."""
        try:
            self.gate = Gate(address, self.port, self.target.connect_timeout, self.end)
        except ConnectionRefusedError:
            raise self.refused() from None
        except TimeoutError:
            raise self.silent() from None
        except OSError as error:
            raise self.error("unreachable", "{server} cannot be reached from this machine.", error) from None
        try:
            self.connect(self.gate.port)
        except BaseException:
            self.close()
            raise

    @abstractmethod
    def connect(self, port: int) -> None:
        """Logs in through the gate, which is at that port of this machine."""

    @abstractmethod
    def server_version(self) -> str: ...

    @abstractmethod
    def database_names(self) -> list[str]:
        """The databases to size; raises CollectionError."""

    @abstractmethod
    def size(self, database: str) -> DatabaseSize | None:
        """None: it was dropped meanwhile. Raises NotSized, or CollectionError when the server is lost."""

    def not_listed(self) -> list[Unsized]:
        """What is there and not among database_names, with the reason."""
        return []

    def volumes(self) -> list[Volume]:
        return []

    def largest_tables(self, database: str, count: int) -> Tables:
        """Of a connection whose target is `database`. Raises NotSized, CollectionError."""
        raise NotSized(f"The tables of {self.engine} are not measured.")

    @abstractmethod
    def disconnect(self) -> None:
        """Frees what the driver holds; raises nothing."""

    def close(self) -> None:
        self.hang_up()
        self.disconnect()

    def hang_up(self) -> None:
        """From any thread: whatever the driver waits for, it ends."""
        if self.gate:
            self.gate.close(gate.GIVEN_UP)

    def expect_answer(self) -> None:
        """Before a query: a little more time than the server allows itself, so that its own time-out comes first."""
        if self.gate:
            self.gate.expect(self.target.statement_timeout + self.target.connect_timeout)

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows, read through a cursor of DB-API; raises what the driver does, and CollectionError for too many."""
        self.expect_answer()
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            rows = cursor.fetchmany(MAX_ROWS + 1)
        if len(rows) > MAX_ROWS:
            raise self.too_many_rows()
        return list(rows)

    @property
    def heard(self) -> bytes:
        """What the server said last, as it came over the line."""
        return self.gate.tail if self.gate else b""

    # Sentences

    def _kind(self) -> str:
        """a PostgreSQL server, an Oracle server, a SQL server"""
        return f"{'an' if self.engine[0] in 'AEIO' else 'a'} {self.engine.removesuffix(' Server')} server"

    def error(self, code: str, sentence: str, cause: object = None) -> CollectionError:
        """`sentence` with {server}, {host}, {port}, {user} and the ways to use TLS ({prefer} ...) filled in, and the
        server's own words behind it."""
        host, user = self.target.host, self.target.user
        message = sentence.format(server=f"{host}:{self.port}", host=host, port=self.port, user=user, **_tls_words())
        words = "" if cause is None else self.words(cause)
        return CollectionError(code, f"{message} ({words})" if words else message)

    def at_the_gate(self, connecting: bool = False) -> CollectionError | None:
        """Why the gate was closed, which counts more than what the driver made of it."""
        match self.gate.failure if self.gate else "":
            case gate.TOO_MUCH:
                return self.error(
                    "answer_too_long", f"{{server}} says more than {self._kind()} would: it was hung up."
                )
            case gate.TIMEOUT if time.monotonic() >= self.end:
                return self.over_budget()
            case gate.TIMEOUT:
                return self.silent() if connecting else self.stopped_answering()
            case gate.GIVEN_UP:
                return CollectionError("cancelled", "The run was cancelled.")
        return None

    def refused(self) -> CollectionError:
        return self.error(
            "refused", "Port {port} of {host} refuses connections: is the server running, and is the port right?"
        )

    def silent(self) -> CollectionError:
        return self.error(
            "timeout",
            f"{{server}} did not answer within {self.target.connect_timeout:g} s: is it {self._kind()}, "
            "and does a firewall stand between?",
        )

    def stopped_answering(self) -> CollectionError:
        seconds = self.target.statement_timeout
        return self.error("timeout", f"{{server}} stopped answering: no reply to a query within {seconds:g} s.")

    def over_budget(self) -> OverBudget:
        seconds = self.target.time_budget
        return OverBudget("timeout", f"It was not measured within the {seconds:g} s that one server has.")

    def nothing_in_time(self, databases: int | None = None) -> CollectionError:
        listed = "" if databases is None else f": 0 of {databases} databases had been sized"
        seconds = self.target.time_budget
        return CollectionError("timeout", f"The server was not measured within {seconds:g} s{listed}.")

    def lost(self, cause: object) -> CollectionError:
        """Why the gate was closed, or else what the driver says."""
        return self.at_the_gate() or self.error(
            "connection_lost", "{server} failed in the middle of the collection.", cause
        )

    def strange(self, cause: object) -> CollectionError:
        return self.error(
            "connection_failed",
            f"{{server}} does not answer like {self._kind()}: is it one, and is the port right?",
            cause,
        )

    def too_many_rows(self) -> CollectionError:
        return self.error("answer_too_long", f"{{server}} answers with more than {MAX_ROWS} rows: it was hung up.")

    def unencrypted(self) -> CollectionError:
        return self.error(
            "password_not_sent",
            "{server} asks for the password of user {user} in a form that only an encrypted connection may carry: "
            "set TLS to {require} or {verify_full}, or give the user another kind of password.",
        )

    def untrusted(self, cause: object = None) -> CollectionError:
        return self.error(
            "tls_certificate",
            "{server} shows a certificate that cannot be trusted: check the host name and the TLS certificates.",
            cause,
        )

    def words(self, cause: object) -> str:
        """What a server or a driver said, as one line of printable text, without the password and the gate."""
        text = readable(cause) if isinstance(cause, bytes) else str(cause)
        text = self.hidden(" ".join(text[: 10 * MAX_REASON].split()))
        if self.gate:
            text = text.replace(f"{gate.LOOPBACK}:{self.gate.port}", f"{self.target.host}:{self.port}")
        return "".join(c for c in text if c.isprintable())[:MAX_REASON]

    def hidden(self, text: str) -> str:
        """Without the password."""
        return text.replace(self.target.password, "****") if self.target.password else text


def _tls_words() -> dict[str, str]:
    """How the form calls each way to use TLS, and a CSV file; in English, as the sentences are."""
    with translation.override("en"):
        return {mode.name.lower(): f'"{mode.label}" ({mode.value})' for mode in TlsMode}


def readable(raw: bytes) -> str:
    """Text of a server that does not say in which encoding it is."""
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1")
