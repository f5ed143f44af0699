"""What stands beside a database or an instance in lists: the limit that counts, how much of it is used, its forecast.

To sort and filter by it there are expressions, for which each row of a list costs a look-up in an index; to show it,
`attach` reads it for the rows of a page in a fixed number of queries. Sizes are bytes.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Case, Exists, F, FloatField, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Cast, Coalesce

from capacity.models import (
    CapacityLimit,
    DatabaseState,
    Forecast,
    ForecastLevel,
    ForecastState,
    InstanceState,
    LimitSource,
)
from capacity.units import percent

from .limits import by_volume, limits_that_count
from .series import Target
from .wording import usage_sentence

_STRONGEST_FIRST = Case(*(When(source=source, then=Value(place)) for place, source in enumerate(LimitSource.values)))
#: When something is full, to sort by: what is full already comes first.
FULL_ON = Case(When(state=ForecastState.OVER, then=F("made_on")), default=F("expected_on"))


@dataclass(frozen=True)
class Level:
    """Where the rows of a list have their instance, database and size."""

    level: ForecastLevel
    instance: str
    database: str | None
    size: str

    def forecasts(self) -> QuerySet[Forecast]:
        """The newest forecast of a row."""
        return Forecast.objects.newest().filter(level=self.level, **self._target())

    def full_on(self) -> Subquery:
        return Subquery(self.forecasts().annotate(full_on=FULL_ON).values("full_on")[:1])

    def has_forecast(self, **fields: Any) -> Exists:
        return Exists(self.forecasts().filter(**fields))

    def used_share(self) -> Subquery:
        """The used part of the limit that counts. On a shared volume that of the volume, in the mean of its last
        week."""
        # Without the second condition PostgreSQL cannot know that the index of those that share one is enough.
        on_volume = Forecast.objects.newest().filter(
            ~Q(shared_key=""), level=ForecastLevel.VOLUME, shared_key=OuterRef("shared_key")
        )
        own = OuterRef(self.size)
        used = Case(
            When(shared_key="", then=own), default=Coalesce(Subquery(on_volume.values("level_bytes")[:1]), own)
        )
        limits = CapacityLimit.objects.filter(**self._target()).order_by(_STRONGEST_FIRST)
        share = Cast(used, FloatField()) / Cast(F("limit_bytes"), FloatField())
        return Subquery(limits.annotate(share=share).values("share")[:1], output_field=FloatField())

    def _target(self) -> dict[str, Any]:
        return {"instance": OuterRef(self.instance), "database_name": OuterRef(self.database) if self.database else ""}


DATABASES = Level(ForecastLevel.DATABASE, "instance_id", "database_name", "last_size_bytes")
INSTANCES = Level(ForecastLevel.INSTANCE, "pk", None, "state__last_size_bytes")


@dataclass(frozen=True)
class Usage:
    """How much of a limit is used; of a volume, by all that share it."""

    limit: CapacityLimit  #: that which counts for the target
    limit_bytes: int  #: of a volume, as it was told last
    used_bytes: int
    databases: int = 1

    @property
    def percent(self) -> Decimal:
        return percent(self.used_bytes, self.limit_bytes) or Decimal(0)

    def sentence(self) -> str:
        return usage_sentence(self.used_bytes, self.limit_bytes, self.limit.shared_key, self.databases)


@dataclass(frozen=True)
class Outlook:
    usage: Usage | None = None  #: None: no limit is known
    forecast: Forecast | None = None  #: None: none was made yet, or its samples do not come any more

    @property
    def full_on(self) -> date | None:
        """None: not within two years, or it is not known; what is full has its last day."""
        if self.forecast is None:
            return None
        return self.forecast.made_on if self.forecast.state == ForecastState.OVER else self.forecast.expected_on


def outlooks(level: ForecastLevel, targets: Sequence[Target]) -> dict[Target, Outlook]:
    """Of those (instance id, database name; "" of an instance), as many as a page has. At most six queries."""
    instances = {instance for instance, _database in targets}
    names = {database for _instance, database in targets}
    newest = Forecast.objects.newest().filter(level=level, instance__in=instances, database_name__in=names)
    forecasts = {(row.instance_id, row.database_name): row for row in newest}
    usages = usage_of(targets)
    return {target: Outlook(usages.get(target), forecasts.get(target)) for target in targets}


def usage_of_forecasts(rows: Iterable[Forecast]) -> list[Usage | None]:
    """How much is used of the limit of each forecast's target; None without one. At most six queries."""
    found = list(rows)
    keys = [row.shared_key for row in found if row.level == ForecastLevel.VOLUME]
    members = CapacityLimit.objects.filter(shared_key__in=keys, instance__is_active=True)
    columns = ("shared_key", "instance_id", "database_name")
    of_volume = {key: (instance, name) for key, instance, name in members.values_list(*columns)}
    # One of those that share a volume stands for it; the fleet has no limit.
    targets: list[Target] = [
        of_volume.get(row.shared_key, (0, ""))
        if row.level == ForecastLevel.VOLUME
        else (row.instance_id or 0, row.database_name)
        for row in found
    ]
    used = usage_of(targets)
    return [used.get(target) for target in targets]


def usage_of_limits(instance_ids: Collection[int]) -> dict[Target, Usage]:
    """How much is used of every limit that counts on these instances. At most five queries."""
    return _usage(limits_that_count(instance_ids))


def usage_of(targets: Iterable[Target]) -> dict[Target, Usage]:
    """How much is used of the limit that counts, of those that have one. At most five queries."""
    wanted = list(targets)
    counting = limits_that_count({instance for instance, _database in wanted})
    return _usage({target: counting[target] for target in wanted if target in counting})


def _usage(limits: Mapping[Target, CapacityLimit]) -> dict[Target, Usage]:
    keys = {limit.shared_key for limit in limits.values() if limit.shared_key}
    mates = CapacityLimit.objects.filter(shared_key__in=keys, instance__is_active=True)
    ids = {instance for instance, _database in limits} | set(mates.values_list("instance_id", flat=True))
    sharing = limits_that_count(ids) if keys else {}
    volumes = {key: found for key, found in by_volume(sharing).items() if key in keys}
    sizes = _sizes({(one.instance_id, one.database_name) for found in volumes.values() for one in found} | set(limits))
    used = {}
    for target, limit in limits.items():
        members = volumes.get(limit.shared_key) or [limit]
        found = [sizes[key] for one in members if (key := (one.instance_id, one.database_name)) in sizes]
        if found:
            size, count = (sum(column) for column in zip(*found, strict=True))
            used[target] = Usage(limit, members[0].limit_bytes, size, count)
    return used


def _sizes(targets: set[Target]) -> dict[Target, tuple[int, int]]:
    """{target: its last size, and how many databases that is}. Two queries."""
    ids = {instance for instance, _database in targets}
    sizes: dict[Target, tuple[int, int]] = {}
    for instance, size, count in InstanceState.objects.filter(instance__in=ids).values_list(
        "instance_id", "last_size_bytes", "last_database_count"
    ):
        sizes[instance, ""] = (size, count)
    names = {database for _instance, database in targets if database}
    for instance, database, size in DatabaseState.objects.filter(
        instance__in=ids, database_name__in=names
    ).values_list("instance_id", "database_name", "last_size_bytes"):
        sizes[instance, database] = (size, 1)
    return sizes
