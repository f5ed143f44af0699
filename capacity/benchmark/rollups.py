"""Roll-ups against the limit, and against themselves on another fleet or with a spoilt instance."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from django.db import connection
from django.test.utils import override_settings
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from capacity.aggregation.orchestrator import AggregationOrchestrator
from capacity.periods import Period
from sync_sessions.choices import RecordStatus, Scope, SyncType
from sync_sessions.models import SyncInstanceRecord

from .figures import Bench, Figures, RunIncomplete
from .filling import PERIOD_TABLES, RUN_TABLES, cure, empty, mark_stale, poison
from .fleet import TODAY, Fleet, last_complete_periods
from .limit import write_period
from .measure import Measured
from .rows import PERIOD_ROWS, compare_with_copy, count_rows, keep_copy


def scheduled(bench: Bench) -> Iterator[Figures]:
    """The last complete period of every type against the limit: what the night's schedules do."""
    bench.have(bench.fleet)
    targets = {1: 1.15, 2: 0.75}
    for figures in _against_limit("scheduled", last_complete_periods(), bench.runs, targets):
        # More connections, more chunks: as many for each.
        yield replace(figures, statements_target=350)


def wide(bench: Bench) -> Iterator[Figures]:
    """The same for ten times the instances with a tenth of the databases each: what an instance costs."""
    fleet = wider(bench.fleet)
    bench.have(fleet)
    yield from _against_limit("wide", last_complete_periods(), bench.runs, {2: 1.2}, of=fleet)


def wider(fleet: Fleet) -> Fleet:
    return replace(fleet, instances=fleet.instances * 10, databases=max(fleet.databases // 10, 1))


def daily(bench: Bench) -> Iterator[Figures]:
    """The current day against the limit."""
    bench.have(bench.fleet)
    yield from _against_limit("daily", [Period.containing("daily", TODAY)], bench.runs, {2: 2})


def hourly(bench: Bench) -> Iterator[Figures]:
    """A fleet that is measured every hour against the same measured daily; a tenth of the instances."""
    once = replace(bench.fleet, instances=max(bench.fleet.instances // 10, 1), samples_per_day=1)
    yield _against_fleet(
        bench,
        "hourly",
        (replace(once, samples_per_day=24), once),
        last_complete_periods(),
        ratio_target=1.2,
        other_name=_("measured daily"),
    )


def history(bench: Bench) -> Iterator[Figures]:
    """The current day of a fleet with ten times the days against the days given; a tenth of the instances."""
    short = replace(bench.fleet, instances=max(bench.fleet.instances // 10, 1))
    long = replace(short, days=short.days * 10)
    yield _against_fleet(
        bench,
        "history",
        (long, short),
        [Period.containing("daily", TODAY)],
        ratio_target=1.3,
        other_name=_("%(days)d days") % {"days": short.days},
    )


def poisoned(bench: Bench) -> Iterator[Figures]:
    """The last complete periods with one instance whose sums overflow, against the same without it."""
    bench.have(bench.fleet)
    periods, work, undisturbed = last_complete_periods(), Measured(), Measured()
    for _run in range(bench.runs):
        _begin(periods)
        undisturbed.run(lambda: aggregate(periods))
        poison(bench.fleet)
        _begin(periods)
        with _failures_not_logged():
            work.run(lambda: aggregate(periods, may_fail=1))
        cure()
    done = SyncInstanceRecord.objects.filter(status=RecordStatus.COMPLETED)
    least = min(done.filter(session__details__period_type=period.type).count() for period in periods)
    numbers = {"done": least, "all": bench.fleet.instances}
    yield Figures(
        "poison",
        work=work,
        other=undisturbed,
        other_name=_("undisturbed run"),
        rows=count_rows(PERIOD_ROWS),
        ratio_target=2,
        note=_("%(done)d of %(all)d instances done in every period") % numbers,
    )


def aggregate(periods: Sequence[Period], may_fail: int = 0) -> None:
    """The work: a session per period, both levels, every instance. RunIncomplete unless it did all but `may_fail`."""
    for period in periods:
        run = AggregationOrchestrator().run(period, Scope.ALL, sync_type=SyncType.SCHEDULED_TASK)
        if run.summary.failed_instances != may_fail or run.summary.skipped_instances:
            raise RunIncomplete(
                _("The %(type)s run was to fail for %(expected)d instances, but: %(message)s")
                % {"type": period.type, "expected": may_fail, "message": run.summary.message}
            )


def _against_limit(
    name: str, periods: list[Period], runs: int, targets: dict[int, float], of: Fleet | None = None
) -> Iterator[Figures]:
    """Figures for each number of connections in `targets`, all against one limit; SQLite knows one connection."""
    if connection.vendor == "sqlite":
        targets = {1: max(targets.values())}
    work, limit, rows = {number: Measured() for number in targets}, Measured(), 0

    def write_limit() -> None:
        for period in periods:
            write_period(period)

    for _run in range(runs):
        for number, measured in work.items():
            with override_settings(WHALEFALL_PARALLEL_CHUNKS=number):
                _begin(periods)
                measured.run(lambda: aggregate(periods))
        rows = count_rows(PERIOD_ROWS)
        keep_copy(PERIOD_ROWS)
        empty(PERIOD_TABLES)
        limit.run(write_limit)
        compare_with_copy(PERIOD_ROWS)
    size = _("%(instances)d instances, %(databases)d databases each") % vars(of) if of else ""
    for number, measured in work.items():
        lanes = _("%(count)d connections") % {"count": number} if number > 1 else _("one connection")
        note = "; ".join(filter(None, (lanes, size)))
        yield Figures(
            name,
            measured,
            limit,
            pgettext("of a benchmark", "limit"),
            rows,
            ratio_target=targets[number],
            note=note,
        )


def _against_fleet(
    bench: Bench,
    name: str,
    fleets: tuple[Fleet, Fleet],
    periods: list[Period],
    *,
    ratio_target: float,
    other_name: str,
) -> Figures:
    """The same roll-up of the first fleet against the second; the samples of one at a time are there."""
    measured = []
    for fleet in reversed(fleets):
        bench.have(fleet)
        measured.append(Measured())
        for _run in range(bench.runs):
            _begin(periods)
            measured[-1].run(lambda: aggregate(periods))
    other, work = measured
    note = _("%(instances)d instances, %(days)d days, %(samples_per_day)d samples a day") % vars(fleets[0])
    return Figures(name, work, other, other_name, count_rows(PERIOD_ROWS), ratio_target=ratio_target, note=note)


def _begin(periods: list[Period]) -> None:
    """Empties what runs write, and sets the marks that they are to delete."""
    empty(RUN_TABLES)
    mark_stale(periods)


@contextmanager
def _failures_not_logged() -> Iterator[None]:
    """The expected failures are in the figures; their traces on the screen would look like a fault."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(before)
