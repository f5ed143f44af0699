"""What an adapter is, what it is given and gives back, and the measuring that all of them share."""

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event
from typing import ClassVar

from django.utils import timezone

from capacity.collection.hosts import check_host
from capacity.collection.validation import name_problem
from capacity.errors import CapacityError

MAX_REASON = 500


class CollectionError(CapacityError):
    """One server could not be measured. The text is for a DBA: what happened, what to do; no password in it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class NotCollected(CollectionError):
    """There is nothing to collect from here, which is nobody's failure."""


class NotSized(Exception):
    """One database could not be sized, though the server answers; the text is the reason."""


#: CollectionErrors after which the host's next address is tried.
UNREACHABLE = ("refused", "timeout", "unreachable")


@dataclass(frozen=True)
class Target:
    """A server and how to log in; time-outs in seconds."""

    host: str
    port: int | None = None  #: None: the engine's usual one
    user: str = ""
    password: str = field(default="", repr=False)
    database: str = ""  #: to connect to; "": the engine's usual one
    connect_timeout: float = 5
    statement_timeout: float = 30  #: for the size of one database as well
    time_budget: float = 300  #: for the whole server


@dataclass(frozen=True)
class DatabaseSize:
    """Bytes; None where the engine does not tell."""

    database_name: str
    size_bytes: int
    data_size_bytes: int | None = None
    log_size_bytes: int | None = None


@dataclass(frozen=True)
class Unsized:
    database: str
    reason: str


@dataclass(frozen=True)
class Measurement:
    """The sizes of one server, all of one moment: when the measuring began (aware)."""

    measured_at: datetime
    duration_seconds: float
    server_version: str
    databases: Sequence[DatabaseSize]
    not_sized: Sequence[Unsized]
    notes: Sequence[str]  #: what a reader of the sizes must know


class Adapter(ABC):
    """An open, read-only connection to one server: opened by the constructor, which raises CollectionError.

    Adapters work in collector threads, so they use no ORM. Drivers get keyword arguments, never a DSN.
    """

    engine: ClassVar[str]  #: as in "is it a PostgreSQL server?"
    default_port: ClassVar[int]

    def __init__(self, target: Target, address: str) -> None:
        """`address` is the checked IP address of target.host."""
        if not target.user:
            raise CollectionError("no_user", "The instance has no user name: set the one to collect with.")
        self.target = target
        self.address = address
        self.port = target.port or self.default_port
        self.notes: list[str] = []
        self.connect()

    @abstractmethod
    def connect(self) -> None:
        """Connects within target.connect_timeout."""

    @abstractmethod
    def server_version(self) -> str: ...

    @abstractmethod
    def database_names(self) -> list[str]:
        """The databases to size; raises CollectionError."""

    @abstractmethod
    def size(self, database: str) -> DatabaseSize | None:
        """None: it was dropped meanwhile. Raises NotSized, or CollectionError when the server is lost."""

    @abstractmethod
    def close(self) -> None: ...

    def error(self, code: str, sentence: str, cause: object = None) -> CollectionError:
        """`sentence` with {server}, {host}, {port} and {user} filled in, and the server's own words behind it."""
        host, user = self.target.host, self.target.user
        message = sentence.format(server=f"{host}:{self.port}", host=host, port=self.port, user=user)
        return CollectionError(code, f"{message} ({self.words(cause)})" if cause is not None else message)

    def refused(self) -> CollectionError:
        return self.error(
            "refused", "Port {port} of {host} refuses connections: is the server running, and is the port right?"
        )

    def silent(self) -> CollectionError:
        return self.error(
            "timeout",
            f"{{server}} did not answer within {self.target.connect_timeout:g} s: is it a {self.engine} server, "
            "and does a firewall stand between?",
        )

    def stopped_answering(self) -> CollectionError:
        seconds = self.target.statement_timeout
        return self.error("timeout", f"{{server}} stopped answering: no reply to a query within {seconds:g} s.")

    def lost(self, cause: object) -> CollectionError:
        return self.error("connection_lost", "{server} failed in the middle of the collection.", cause)

    def words(self, cause: object) -> str:
        """What a server or a driver said, as one line of printable text, without the password."""
        text = " ".join(str(cause).split())
        if self.target.password:
            text = text.replace(self.target.password, "****")
        return "".join(c for c in text if c.isprintable())[:MAX_REASON]


def measure(adapter: type[Adapter], target: Target, stop: Event) -> Measurement:
    """Measures every database of one server. Runs in a thread: network only.

    Raises CollectionError, HostRefused or HostUnknown. A database that cannot be sized is named in the
    measurement and does not stop the others. Setting `stop` ends it at the next database.
    """
    began, measured_at = time.monotonic(), timezone.now()
    sizes: list[DatabaseSize] = []
    not_sized: list[Unsized] = []
    with closing(_open(adapter, target)) as server:
        version, names = server.server_version(), server.database_names()
        for name in names:
            if stop.is_set():
                raise CollectionError("cancelled", "The run was cancelled.")
            if time.monotonic() - began > target.time_budget:
                raise CollectionError(
                    "timeout",
                    f"The server was not measured within {target.time_budget:g} s: {len(sizes)} of {len(names)} "
                    "databases had been sized.",
                )
            # Of a name that no sample may have: said here, so that it does not refuse the others.
            if problem := name_problem(name):
                not_sized.append(Unsized(repr(name)[1:-1], problem[1]))
                continue
            try:
                size = server.size(name)
            except NotSized as error:
                not_sized.append(Unsized(name, str(error)))
            else:
                sizes += [size] if size else []
    duration = round(time.monotonic() - began, 3)
    return Measurement(measured_at, duration, version, tuple(sizes), tuple(not_sized), tuple(server.notes))


def _open(adapter: type[Adapter], target: Target) -> Adapter:
    """Connects to the first address of the host that answers."""
    *others, last = check_host(target.host)
    for address in others:
        try:
            return adapter(target, address)
        except CollectionError as error:
            if error.code not in UNREACHABLE:
                raise
    return adapter(target, last)
