"""Samples, day rows and marks put straight into the tables, period rows read back. No clock is asked."""

from datetime import date, datetime, time
from decimal import Context, Decimal
from itertools import count

from django.db import connection
from django.utils import timezone

from capacity.aggregation.orchestrator import AggregationOrchestrator
from capacity.aggregation.progress import ProgressCallbacks
from capacity.aggregation.service import AggregationService
from capacity.collection import states
from capacity.collection.statements import Source, write
from capacity.models import (
    DatabaseDayStat,
    DatabaseSizeAggregation,
    DatabaseSizeStat,
    Instance,
    InstanceSizeAggregation,
    InstanceSizeStat,
    StalePeriod,
)
from capacity.models.days import UNFIT
from capacity.periods import Period

LARGEST = 2**63 - 1
STAMPS = ("id", "calculated_at", "created_at")
_minutes = count()


def the(type, day):
    """The period of that type in which the ISO date lies."""
    return Period.containing(type, date.fromisoformat(day))


def moment(day, at=time(3)):
    return datetime.combine(date.fromisoformat(str(day)), at, tzinfo=timezone.get_default_timezone())


def add_sample(instance, database, day, size, data=None, log=None):
    """A sample of that day (ISO date or date), each at a minute of its own."""
    minute = next(_minutes) % 1440
    sample = DatabaseSizeStat.objects.create(
        instance=instance,
        database_name=database,
        size_bytes=size,
        data_size_bytes=data,
        log_size_bytes=log,
        collected_on=str(day),
        collected_at=moment(day, time(minute // 60, minute % 60)),
    )
    derive_database_day(instance, database, day)
    return sample


def add_samples(instance, database, sizes):
    """A sample of each of these days ({date: size}), which have none yet; as add_sample does, in three statements."""
    at = {day: moment(day, time(*divmod(next(_minutes) % 1440, 60))) for day in sizes}
    key = {"instance": instance, "database_name": database}
    DatabaseSizeStat.objects.bulk_create(
        DatabaseSizeStat(**key, size_bytes=size, collected_on=day, collected_at=at[day]) for day, size in sizes.items()
    )
    sums = ("sum_size_bytes", "min_size_bytes", "max_size_bytes", "last_size_bytes")
    none = dict.fromkeys(("data_count", "log_count"), 0)
    DatabaseDayStat.objects.bulk_create(
        DatabaseDayStat(
            **key, **none, **dict.fromkeys(sums, size), collected_on=day, sample_count=1, last_collected_at=at[day]
        )
        for day, size in sizes.items()
    )
    derive_state(states.DATABASE, instance, database)


def derive_database_day(instance, database, day):
    """The day row of a database from its samples, in plain Python; it goes when there are none."""
    key = {"instance": instance, "database_name": database, "collected_on": str(day)}
    samples = DatabaseSizeStat.objects.filter(**key).order_by("collected_at")
    found = list(samples.values_list("size_bytes", "data_size_bytes", "log_size_bytes", "collected_at"))
    DatabaseDayStat.objects.filter(**key).delete()
    if not found:
        return
    columns = {"sample_count": len(found), "last_collected_at": found[-1][-1]}
    for position, of in enumerate(("size_bytes", "data_size_bytes", "log_size_bytes")):
        values = [one[position] for one in found if one[position] is not None]
        fits = sum(values) <= LARGEST
        columns[f"sum_{of}"] = (sum(values) if fits else UNFIT) if values else None
        columns[f"min_{of}"], columns[f"max_{of}"] = min(values, default=None), max(values, default=None)
        columns[f"last_{of}"] = found[-1][position]
        if position:
            columns[f"{of.split('_')[0]}_count"] = len(values)
    DatabaseDayStat.objects.create(**key, **columns)
    derive_state(states.DATABASE, instance, database)


def derive_state(level, *key):
    columns = ", ".join(f"%s AS {name}" for name in level.keys)
    touched = f"(SELECT {columns}, CAST(NULL AS date) AS first_day, CAST(NULL AS date) AS last_day) AS v"
    write(states.state_rows(level, Source(touched, (key[0].pk, *key[1:])), afresh=True))


def add_day(instance, day, total, databases=1):
    [row] = add_days(instance, {str(day): (total, databases)})
    return row


def add_days(instance, days):
    """{day: (total, databases)}, in two statements."""
    rows = InstanceSizeStat.objects.bulk_create(
        InstanceSizeStat(
            instance=instance,
            collected_on=day,
            total_size_bytes=total,
            database_count=databases,
            collected_at=moment(day),
            updated_at=moment(day),
        )
        for day, (total, databases) in days.items()
    )
    derive_state(states.INSTANCE, instance)
    return rows


def forget(instance):
    """Its samples and day rows go, behind everybody's back."""
    for rows in (instance.samples, instance.database_days, instance.days):
        rows.all().delete()


def add_both(instance, day, size):
    """One sample of a database "app", and the day row it makes."""
    add_sample(instance, "app", day, size)
    add_day(instance, day, size)


def mark(instance, period):
    return StalePeriod.objects.create(instance=instance, period_type=period.type, period_start=period.start)


def aggregate(period, scope="all", **options):
    return AggregationService().calculate_period_aggregations(period.type, period=period, scope=scope, **options)


def database_rows(*, stamps=False):
    """Every database row as a dict, in key order; `stamps`: with id, calculated_at and created_at."""
    return _rows(DatabaseSizeAggregation, stamps, "database_name")


def instance_rows(*, stamps=False):
    return _rows(InstanceSizeAggregation, stamps)


def _rows(model, stamps, *keys):
    found = model.objects.order_by("period_type", "period_start", "instance_id", *keys).values()
    return [{name: value for name, value in row.items() if stamps or name not in STAMPS} for row in found]


def database_row(instance, database, period, **columns):
    """The row that is expected; a column that is not named is null."""
    return _row(DatabaseSizeAggregation, period, instance_id=instance.pk, database_name=database, **columns)


def instance_row(instance, period, **columns):
    return _row(InstanceSizeAggregation, period, instance_id=instance.pk, **columns)


def _row(model, period, **columns):
    names = [field.attname for field in model._meta.concrete_fields if field.attname not in STAMPS]
    assert set(columns) <= set(names)
    window = {"period_type": period.type, "period_start": period.start, "period_end": period.end}
    return {name: {**window, **columns}.get(name) for name in names}


def sizes(average, smallest=None, largest=None, of="size_bytes"):
    """The three columns of a measure; one number stands for all three."""
    smallest = average if smallest is None else smallest
    return {f"avg_{of}": average, f"min_{of}": smallest, f"max_{of}": average if largest is None else largest}


def as_stored(percent):
    """A percent as the database keeps it: exact on PostgreSQL, 15 significant digits of a double on SQLite."""
    if percent is None or connection.vendor == "postgresql":
        return percent
    cents = Decimal("0.01")
    return Context(prec=15).create_decimal_from_float(float(percent)).quantize(cents, context=Context(prec=24))


def make_fleet(count, day):
    """That many active instances, each with a sample of "app" and a day row, in key order."""
    fleet = Instance.objects.bulk_create(Instance(name=f"fleet-{n:03}", db_type="postgresql") for n in range(count))
    samples = [
        DatabaseSizeStat(instance=one, database_name="app", size_bytes=100, collected_on=day, collected_at=moment(day))
        for one in fleet
    ]
    DatabaseSizeStat.objects.bulk_create(samples)
    figures = {f"{figure}_size_bytes": 100 for figure in ("sum", "min", "max", "last")}
    figures |= {"sample_count": 1, "data_count": 0, "log_count": 0, "last_collected_at": moment(day)}
    DatabaseDayStat.objects.bulk_create(
        DatabaseDayStat(instance=one, database_name="app", collected_on=day, **figures) for one in fleet
    )
    stamps = {"collected_at": moment(day), "updated_at": moment(day)}
    InstanceSizeStat.objects.bulk_create(
        InstanceSizeStat(instance=one, collected_on=day, total_size_bytes=100, database_count=1, **stamps)
        for one in fleet
    )
    states.rebuild_all()
    return fleet


def run(period, scope="all", *, service=None, **options):
    """A whole run, with its session; by hand if `options` do not say otherwise."""
    return AggregationOrchestrator(service).run(period, scope, **{"sync_type": "manual_task", **options})


def when_chunk(number, do):
    """A listener that does something when that chunk (from 1) has begun, after the log was told."""
    chunks = count(1)
    return ProgressCallbacks(on_start=lambda refs: do() if next(chunks) == number else None)
