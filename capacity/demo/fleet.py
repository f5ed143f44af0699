"""Which instances and databases the demo has, and what happens to them. Ages are days before it was made."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from capacity.models import DbType

GIB = 2**30
HISTORY_DAYS = 400

_WORDS = (
    "accounts archive assets audit billing bookings campaigns catalog claims clickstream contracts couriers crm "
    "customers documents events exports feedback forecasts fulfilment hr identity inventory invoices ledger leads "
    "licences loyalty mailings metrics orders partners payments payroll pricing procurement projects quality "
    "reporting returns reviews risk routing sales scheduling search sessions settlements shipping stock support "
    "surveys tariffs telemetry tickets timesheets vouchers warehouse workflows"
)
_SUBJECTS = _WORDS.split()


#: By the first part of a name: whose it is.
TEAMS = {
    "prod": "team:platform",
    "staging": "team:platform",
    "analytics": "team:data",
    "dwh": "team:data",
    "gis": "team:data",
    "billing": "team:finance",
    "erp": "team:finance",
    "MSSQL": "team:office",
    "wiki": "team:office",
    "shop": "team:shop",
    "MySQL": "team:shop",
}
#: What staff have said that an instance may grow to, in TiB.
LIMITS = {
    "analytics-pg-01": 14.3,
    "billing-pg-01": 1.6,
    "MSSQL-BI-01": 4,
    "prod-pg-01": 2,
    "erp-oracle-1": 5,
    "gis-pg-01": 1,
}
#: The same of a single database.
DATABASE_LIMITS = {("erp-oracle-1", "scheduling"): 1.7}


@dataclass(frozen=True)
class DemoDatabase:
    """Sizes in bytes, growth in bytes per day; when what happens as an age, None: never."""

    name: str
    size: int  #: at the beginning of the history
    growth: int
    week: float  #: by which share it swells from Monday to Sunday
    appeared: int | None = None
    vanished: int | None = None
    changed: Mapping[int, float] = field(default_factory=dict)  #: {age: by which factor it became larger}


@dataclass(frozen=True)
class DemoInstance:
    name: str
    db_type: str
    databases: int
    gib: float  #: the size of a typical database at the beginning
    yearly: float = 0.25  #: typical growth
    note: str = ""
    is_active: bool = True
    stopped: int | None = None  #: no samples from then on
    gaps: tuple[tuple[int, int], ...] = ()  #: (first age, last age) without samples
    missed: float = 0  #: the share of days without samples, at random
    host: str = ""  #: the others only ever send their samples
    events: dict[str, dict[str, Any]] = field(default_factory=dict)  #: by database: what DemoDatabase has more

    @property
    def tags(self) -> list[str]:
        """Where it is, and whose."""
        first = self.name.partition("-")[0]
        place = "env:test" if first == "staging" or "DEV" in self.name else "env:prod"
        return [place, *([TEAMS[first]] if first in TEAMS else [])]

    def history(self) -> Iterator[DemoDatabase]:
        """Its databases: the same ones every time."""
        random = Random(self.name)
        names = [*self.events, *random.sample([one for one in _SUBJECTS if one not in self.events], self.databases)]
        for name in sorted(names[: self.databases]):
            size = self.gib * GIB * random.lognormvariate(0, 1.2)
            yearly = random.gauss(self.yearly, 0.15)
            yield DemoDatabase(
                name, int(size), int(size * yearly / 365), random.uniform(0, 0.04), **self.events.get(name, {})
            )


FLEET = (
    DemoInstance(
        "prod-pg-01",
        DbType.POSTGRESQL,
        18,
        40,
        note="events was purged two months ago",
        events={"events": {"changed": {62: 0.4}}},
    ),
    DemoInstance("prod-pg-02", DbType.POSTGRESQL, 12, 90),
    DemoInstance(
        "prod-pg-03",
        DbType.POSTGRESQL,
        7,
        25,
        note="clickstream was purged three days ago",
        events={"clickstream": {"changed": {3: 0.4}}},
    ),
    DemoInstance("billing-pg-01", DbType.POSTGRESQL, 4, 160, yearly=0.1),
    DemoInstance("analytics-pg-01", DbType.POSTGRESQL, 6, 150, yearly=2.4, note="is full in a few weeks"),
    DemoInstance("gis-pg-01", DbType.POSTGRESQL, 3, 220, yearly=0),
    DemoInstance(
        "staging-pg-01",
        DbType.POSTGRESQL,
        14,
        8,
        note="was unreachable twice",
        gaps=((36, 31), (12, 10)),
    ),
    DemoInstance("MySQL-01", DbType.MYSQL, 22, 15),
    DemoInstance("MySQL-02", DbType.MYSQL, 16, 15),
    DemoInstance(
        "MySQL-03",
        DbType.MYSQL,
        9,
        30,
        note="claims has grown by a quarter in a week",
        events={"claims": {"changed": dict.fromkeys(range(7), 1.035)}},
    ),
    DemoInstance(
        "shop-mysql-01",
        DbType.MYSQL,
        30,
        6,
        yearly=0.45,
        note="campaigns appeared six weeks ago",
        events={"campaigns": {"appeared": 43}},
    ),
    DemoInstance(
        "shop-mysql-02",
        DbType.MYSQL,
        11,
        12,
        yearly=0.4,
        note="exports jumped two days ago",
        events={"exports": {"changed": {2: 1.4}}},
    ),
    DemoInstance("wiki-mysql-01", DbType.MYSQL, 2, 5, yearly=0.05, note="one day in ten is missing", missed=0.1),
    DemoInstance(
        "legacy-mysql-01",
        DbType.MYSQL,
        5,
        20,
        yearly=0,
        note="switched off four months ago",
        is_active=False,
        stopped=120,
    ),
    DemoInstance("MSSQL-FIN-01", DbType.SQLSERVER, 8, 70),
    DemoInstance("MSSQL-HR-01", DbType.SQLSERVER, 5, 20, yearly=0.08),
    DemoInstance("MSSQL-BI-01", DbType.SQLSERVER, 4, 260, yearly=0.5),
    DemoInstance(
        "MSSQL-CRM-01",
        DbType.SQLSERVER,
        10,
        35,
        note="leads vanished eleven weeks ago",
        events={"leads": {"vanished": 76}},
    ),
    DemoInstance("MSSQL-DEV-01", DbType.SQLSERVER, 17, 5, yearly=-0.5, note="shrinks"),
    DemoInstance("erp-oracle-1", DbType.ORACLE, 6, 320, note="scheduling is near its limit"),
    DemoInstance(
        "erp-oracle-2",
        DbType.ORACLE,
        6,
        280,
        note="has not answered for four days",
        stopped=4,
        host="erp-oracle-2.demo.invalid",
    ),
    DemoInstance("dwh-oracle-1", DbType.ORACLE, 3, 900, yearly=0.35),
    DemoInstance("mes-oracle-1", DbType.ORACLE, 2, 110, yearly=0.15),
    DemoInstance("new-oracle-1", DbType.ORACLE, 0, 0, note="no samples yet"),
)
