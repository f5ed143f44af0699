"""The days that a Prometheus still knows: one value for each database at the end of each day."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from capacity.collection.ingest import ingest
from capacity.collection.samples import Sample
from capacity.collection.validation import name_problem, normal_name
from capacity.errors import InputError
from capacity.models import CapacityState, DatabaseSizeStat, Instance, PrometheusMapping, PrometheusSource, ReadingKind

from .client import Answered, PrometheusClient, TooMuch
from .readings import Matcher, readings

DAY = 86400
MAX_SAMPLES = 10_000_000  #: that one request makes the server look at
MAX_DAYS = 370  #: of one request
SUBQUERY_STEP = "5m"  #: as long as a value counts when no newer one comes
#: A metric with its labels, of which last_over_time takes the range itself; anything else needs a subquery.
SELECTOR = re.compile(r"""\s*[a-zA-Z_:][\w:]*\s*(\{(?:[^{}"']|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')*\})?\s*""")

Key = tuple[int, str, int]  #: (instance, database, Unix time of the end of the day)
Sizes = tuple[int, int | None, int | None]


class NothingToBackfill(InputError):
    """The days asked for cannot be had; the message says why."""

    code = "nothing_to_backfill"


@dataclass(frozen=True)
class Segment:
    """Days whose ends lie evenly: `count` of them from the one that ends at `end` (Unix time) on, `length` seconds."""

    end: int
    count: int
    length: int = DAY


@dataclass
class Backfilled:
    """What came of it so far."""

    days: int = 0  #: that were asked for
    created: int = 0  #: samples that were not there
    updated: int = 0  #: that had another size
    unchanged: int = 0
    unmatched: set[str] = field(default_factory=set)  #: values of instance labels that no instance has


def segments(first: date, last: date, zone: tzinfo) -> list[Segment]:
    """The days from `first` to `last`, both included; those on which clocks are changed stand alone. Pure."""
    found: list[Segment] = []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        begin, end = (_midnight(one, zone) for one in (day, day + timedelta(days=1)))
        before = found[-1] if found else None
        if end - begin == DAY and before and before.length == DAY:
            found[-1] = Segment(before.end, before.count + 1)
        else:
            found.append(Segment(end, 1, end - begin))
    return found


def _midnight(day: date, zone: tzinfo) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())


def backfill(
    source: PrometheusSource,
    first: date,
    last: date,
    on_days: Callable[[Backfilled, int], None] = lambda so_far, days: None,
) -> Backfilled:
    """Stores a sample for each database and day, of the moment a second before the day ends; the newest days first.

    Days that are stored already as the source has them are left alone, so that it can be begun again at any time
    and a second run changes nothing. `on_days` is called with what came of it so far whenever some days are stored.
    Raises NothingToBackfill, and what PrometheusClient and ingest raise; what is stored until then stays.
    """
    mappings = list(
        source.mappings.select_related("source").filter(kind__in=[ReadingKind.SIZE, ReadingKind.DATA, ReadingKind.LOG])
    )
    _check(source, mappings, first, last)
    client = PrometheusClient(source, float(settings.WHALEFALL_COLLECT_TIMEOUT))
    matcher, so_far = Matcher(Instance.objects.order_by("name")), Backfilled()
    pace, most = 1, MAX_DAYS  # days of a request: one at first, to see how much it costs
    for segment in reversed(segments(first, last, timezone.get_default_timezone())):
        left = segment.count
        while left:
            days = min(pace, left)
            part = Segment(segment.end + (left - days) * DAY, days, segment.length)
            try:
                cost = _store(part, mappings, client, matcher, so_far)
            except TooMuch:
                if days == 1:
                    raise
                pace = most = days // 2
                continue
            left -= days
            so_far.days += days
            on_days(so_far, days)
            pace = max(1, min(most, days * 8, MAX_SAMPLES // max(1, cost)))
    return so_far


def _check(source: PrometheusSource, mappings: list[PrometheusMapping], first: date, last: date) -> None:
    today = timezone.localdate()
    purged = CapacityState.objects.values_list("samples_purged_before", flat=True).first()
    if not mappings:
        raise NothingToBackfill(_("%(source)s has no mapping of sizes: add one first.") % {"source": source})
    if first > last:
        raise NothingToBackfill(_("The first day is after the last one."))
    if last >= today:
        raise NothingToBackfill(_("The last day must be over: %(day)s at the latest.") % {"day": today - timedelta(1)})
    if purged and first < purged:
        text = _("Samples before %(day)s have been purged: begin with that day.")
        raise NothingToBackfill(text % {"day": purged})


def _store(
    part: Segment, mappings: list[PrometheusMapping], client: PrometheusClient, matcher: Matcher, so_far: Backfilled
) -> int:
    """Reads and stores the days of a part; gives what a day of the dearest query costs, in samples looked at."""
    sizes: dict[str, dict[Key, int]] = {kind: {} for kind in ReadingKind.values}
    cost, ends = 0, range(part.end, part.end + part.count * DAY, DAY)
    for mapping in mappings:
        answered = client.range(at_the_end(mapping.query, part.length), ends[0], ends[-1], DAY)
        cost = max(cost, _cost(answered) // part.count)
        for reading in readings(mapping, answered.series, matcher):
            if not reading.instances:
                so_far.unmatched.add(reading.label)
            elif name_problem(reading.database) is None:
                name = normal_name(reading.database)
                for at, size in reading.sizes:
                    if size is not None and at in ends:
                        key = reading.instances[0].pk, name, int(at)
                        sizes[mapping.kind][key] = max(size, sizes[mapping.kind].get(key, 0))
    samples = list(_samples(sizes))
    stored = _stored(samples)
    fresh = [one for one in samples if stored.get((one.instance_id, one.database_name, one.collected_at)) != _of(one)]
    result = ingest(fresh)
    so_far.created += result.created
    so_far.updated += result.updated
    so_far.unchanged += len(samples) - len(fresh)
    return cost


def at_the_end(query: str, length: int) -> str:
    """The query whose value at the end of a day is the last one of that day; none if there is none."""
    seconds = length - 1  # the end of the day before is in a whole day as well
    if SELECTOR.fullmatch(query):
        return f"last_over_time({query.strip()}[{seconds}s])"
    return f"last_over_time(({query}\n)[{seconds}s:{SUBQUERY_STEP}])"  # it may end with a comment


def _cost(answered: Answered) -> int:
    # VictoriaMetrics does not tell: as if scraped every 15 s.
    return answered.samples or sum(len(one.values) for one in answered.series) * DAY // 15


def _samples(sizes: dict[str, dict[Key, int]]) -> Iterator[Sample]:
    total, data, log = (sizes[kind] for kind in (ReadingKind.SIZE, ReadingKind.DATA, ReadingKind.LOG))
    for key in sorted({*total, *data}):
        size = total[key] if key in total else data[key] + log.get(key, 0)
        instance, name, end = key
        # What was at midnight was the end of the day before.
        yield Sample(instance, name, datetime.fromtimestamp(end - 1, UTC), size, data.get(key), log.get(key))


def _of(sample: Sample) -> Sizes:
    return sample.size_bytes, sample.data_size_bytes, sample.log_size_bytes


def _stored(samples: list[Sample]) -> dict[tuple[int, str, datetime], Sizes]:
    """What is stored of the instances and moments of these."""
    if not samples:
        return {}
    moments = {one.collected_at for one in samples}
    found = DatabaseSizeStat.objects.filter(
        instance__in={one.instance_id for one in samples},
        collected_at__gte=min(moments),
        collected_at__lte=max(moments),
    ).values_list("instance_id", "database_name", "collected_at", "size_bytes", "data_size_bytes", "log_size_bytes")
    return {(pk, name, at): (size, data, log) for pk, name, at, size, data, log in found.iterator() if at in moments}
