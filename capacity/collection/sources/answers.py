"""What a source is given and what it gives back: sizes, or why there are none. And how much a server may say."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from capacity.errors import CapacityError

MAX_REASON = 500  #: characters of a server's own words
MAX_VERSION = 200
MAX_ROWS = 20_000  #: of one answer


class CollectionError(CapacityError):
    """One server could not be measured. The text is for a DBA: what happened, what to do; no password in it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class OverBudget(CollectionError):
    """The time that one server has is over."""


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
    tls_mode: str = "prefer"  #: a value of capacity.models.TlsMode
    tls_ca: str = ""  #: PEM; "": the certificates of the system


@dataclass(frozen=True)
class DatabaseSize:
    """Bytes; None where the engine does not tell. `limit_bytes`: how big its files may become."""

    database_name: str
    size_bytes: int
    data_size_bytes: int | None = None
    log_size_bytes: int | None = None
    limit_bytes: int | None = None


@dataclass(frozen=True)
class Unsized:
    database: str
    reason: str


@dataclass(frozen=True)
class Volume:
    """What databases share: bytes in all and free. `shared_key` is the same for all that are on it."""

    shared_key: str
    total_bytes: int
    available_bytes: int
    databases: Sequence[str] = ()


@dataclass(frozen=True)
class Tables:
    """The largest tables of a database, by (name, bytes); how many there are and what all of them have."""

    largest: Sequence[tuple[str, int]]
    count: int
    total_bytes: int


@dataclass(frozen=True)
class Measurement:
    """The sizes of one server, all of one moment: when the measuring began (aware)."""

    measured_at: datetime
    duration_seconds: float
    server_version: str
    databases: Sequence[DatabaseSize]
    not_sized: Sequence[Unsized]
    notes: Sequence[str]  #: what a reader of the sizes must know
    volumes: Sequence[Volume] = ()
    limit_source: str = ""  #: what limit_bytes of the databases are: a LimitSource
    all_limits: bool = True  #: False: those that it does not tell may be there all the same
