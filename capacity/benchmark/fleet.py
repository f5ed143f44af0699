"""A made-up fleet of any size: the same rows every time, made by statements of the database itself."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.utils import timezone

from capacity.periods import PERIODS, Period

#: The last day of samples, and "today" for what is measured: the day after a quarter's end, so that every
#: last complete period is full of samples. Fixed, so that figures of different days can be compared.
TODAY = date(2025, 4, 1)


@dataclass(frozen=True)
class Fleet:
    """How many of what; `days` of samples end with TODAY."""

    instances: int
    databases: int
    days: int
    samples_per_day: int = 1

    @property
    def poisoned(self) -> int:
        """The id of the instance that `poison` spoils: one in the middle."""
        return (self.instances + 1) // 2

    def moments(self) -> "list[tuple[int, datetime, bool]]":
        """Every (number of the day, moment, is it the last of its day), from 03:00 on, oldest first."""
        zone, step = timezone.get_default_timezone(), timedelta(hours=18) / self.samples_per_day
        found = []
        for day in range(self.days):
            first = datetime.combine(TODAY - timedelta(days=self.days - 1 - day), time(3), zone)
            for slot in range(self.samples_per_day):
                found.append((day, first + slot * step, slot == self.samples_per_day - 1))
        return found


def last_complete_periods() -> list[Period]:
    return [Period.last_complete(key, TODAY) for key in PERIODS]


def _numbers(name: str, how_many: int) -> str:
    return f"{name}(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM {name} WHERE n < {how_many})"


def _sizes(fleet: Fleet, day: int) -> str:
    """The samples of one moment: (i, d, size, data).

    Each is an integer hash of the three numbers on top of a steady rise or fall.

    Every 20th instance has an empty database, every 20th one that appears half-way; PostgreSQL's have no data
    and log sizes.
    """
    seed = f"(i.n * 7919 + d.n * 104729 + {day * 15485863 % 1000003})"
    trend = f"{day} * ((i.n % 7 - 2) * 268435456 / {fleet.days})"
    return f"""
        WITH RECURSIVE {_numbers("i", fleet.instances)}, {_numbers("d", fleet.databases)},
        sized AS (
            SELECT i.n AS i, d.n AS d, CASE WHEN i.n % 20 = 2 AND d.n = 1 THEN 0 ELSE
                (1 + (i.n * 31 + d.n * 17) % 500) * (CAST(1073741824 AS bigint) + {trend})
                + {seed} % 1000003 * 1021 END AS size
            FROM i CROSS JOIN d
            WHERE {day} >= {fleet.days // 2} OR i.n % 20 <> 3 OR d.n <> 1
        )
        SELECT i, d, size, CASE WHEN i % 4 <> 0 THEN size / 10 * 7 END AS data FROM sized"""


def samples(fleet: Fleet, day: int, on: str, at: str) -> str:
    return f"""
        INSERT INTO database_size_stats (instance_id, database_name, size_bytes, data_size_bytes, log_size_bytes,
            collected_on, collected_at)
        SELECT i, 'database_' || d, size, data, size - data, {on}, {at}
        FROM ({_sizes(fleet, day)}) AS sizes ORDER BY i, d"""


def database_days(fleet: Fleet, day: int, on: str, at: str) -> str:
    """All samples of a database on one day are of one size."""
    count = fleet.samples_per_day
    sizes = {"": "size", "data_": "data", "log_": "size - data"}
    columns = {
        **{f"sum_{of}size_bytes": f"{count} * ({size})" for of, size in sizes.items()},
        **{f"{edge}_{of}size_bytes": size for of, size in sizes.items() for edge in ("min", "max", "last")},
        "sample_count": str(count),
        "data_count": f"CASE WHEN data IS NULL THEN 0 ELSE {count} END",
        "log_count": f"CASE WHEN data IS NULL THEN 0 ELSE {count} END",
    }
    return f"""
        INSERT INTO database_day_stats (instance_id, database_name, collected_on, last_collected_at,
            {", ".join(columns)})
        SELECT i, 'database_' || d, {on}, {at}, {", ".join(columns.values())}
        FROM ({_sizes(fleet, day)}) AS sizes ORDER BY i, d"""


def instance_days(fleet: Fleet, day: int, on: str, at: str) -> str:
    return f"""
        INSERT INTO instance_size_stats (instance_id, collected_on, total_size_bytes, database_count,
            carried_databases, collected_at, updated_at)
        SELECT i, {on}, SUM(size), COUNT(*), 0, {at}, {at}
        FROM ({_sizes(fleet, day)}) AS sizes GROUP BY i ORDER BY i"""
