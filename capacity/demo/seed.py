"""Puts the demo fleet into the database, or brings it up to today."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from capacity.collection.ingest import Sample, ingest
from capacity.errors import CapacityError
from capacity.models import CapacityLimit, Instance, InstanceSizeStat, Tag

from .alerts import make_nights, make_rules
from .fleet import DATABASE_LIMITS, FLEET, HISTORY_DAYS, LIMITS, DemoInstance
from .history import samples

TIB = 2**40
#: The description marks an instance as the demo's own. Never translated, as it is read back.
MARK = "Demo data of WhaleFall, made on {day}."
_MARKED = re.compile(re.escape(MARK).replace(r"\{day\}", r"(\d{4}-\d\d-\d\d)"))


class NamesTaken(CapacityError):
    """Instances of the demo's names exist that the demo did not make."""

    code = "demo_names_taken"


@dataclass(frozen=True)
class Seeded:
    """What a call of `seed` made."""

    instances: int  #: of the demo, old and new ones
    created: int  #: instances
    samples: int  #: new ones
    first_day: date  #: of the demo's history
    last_day: date


def seed(now: datetime | None = None) -> Seeded:
    """Makes what is missing of the demo: its instances, and their samples up to today.

    Raises NamesTaken, with nothing written, when one of its names belongs to another instance.
    """
    now = now or timezone.now()
    today = timezone.localdate(now)
    existing = Instance.objects.filter(name__in=[one.name for one in FLEET])
    made_on = {name: _made_on(text) for name, text in existing.values_list("name", "description")}
    if foreign := sorted(name for name, day in made_on.items() if day is None):
        raise NamesTaken(
            _(
                "The demo needs the names %(names)s, but instances that it did not make have them: rename those, or "
                "use another database for the demo."
            )
            % {"names": ", ".join(foreign)}
        )
    demo_day = min((day for day in made_on.values() if day), default=today)
    new = [_instance(one, demo_day) for one in FLEET if one.name not in made_on]
    Instance.objects.bulk_create(new)
    _tag_and_limit([one for one in FLEET if one.name not in made_on])
    result = ingest(_missing_samples(demo_day, now), now=now)
    # Of a real fleet nobody wants to be told what the demo made up.
    if not Instance.objects.exclude(name__in=[one.name for one in FLEET]).exists():
        make_nights(demo_day, now)
        if new:
            make_rules()
    first_day = demo_day - timedelta(days=HISTORY_DAYS - 1)
    return Seeded(len(FLEET), len(new), result.created, first_day, today)


def _made_on(description: str) -> date | None:
    marked = _MARKED.match(description)
    return date.fromisoformat(marked[1]) if marked else None


def _instance(one: DemoInstance, demo_day: date) -> Instance:
    return Instance(
        name=one.name,
        db_type=one.db_type,
        host=one.host,
        username="whalefall" * bool(one.host),
        is_active=one.is_active,
        description=" ".join([MARK.format(day=demo_day.isoformat()), f"{one.note.capitalize()}." * bool(one.note)]),
    )


def _tag_and_limit(new: Sequence[DemoInstance]) -> None:
    """Whose the new ones are, and what some may grow to."""
    instances = {one.name: one for one in Instance.objects.filter(name__in=[one.name for one in new])}
    for one in new:
        instances[one.name].tags.set([Tag.objects.get_or_create(name=name)[0] for name in one.tags])
        if one.name in LIMITS:
            CapacityLimit.objects.create(instance=instances[one.name], limit_bytes=round(LIMITS[one.name] * TIB))
    for (name, database), tib in DATABASE_LIMITS.items():
        if name in instances:
            CapacityLimit.objects.create(
                instance=instances[name], database_name=database, limit_bytes=round(tib * TIB)
            )


def _missing_samples(demo_day: date, now: datetime) -> Iterator[Sample]:
    """Those after the last day that an instance has; all of them of a new one."""
    ids = dict(Instance.objects.filter(name__in=[one.name for one in FLEET]).values_list("name", "pk"))
    rows = InstanceSizeStat.objects.filter(instance__in=ids.values())
    latest = dict(rows.order_by().values_list("instance").annotate(Max("collected_on")))
    for one in FLEET:
        pk = ids[one.name]
        first = latest[pk] + timedelta(days=1) if pk in latest else date.min
        yield from samples(one, pk, demo_day=demo_day, first=first, now=now)
