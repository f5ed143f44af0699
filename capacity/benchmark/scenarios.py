"""What is measured. Each scenario runs the product's own way and something else in turn, and gives the figures."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from capacity.aggregation.orchestrator import AggregationOrchestrator
from capacity.errors import CapacityError
from capacity.periods import Period
from sync_sessions.choices import RecordStatus, Scope, SyncType
from sync_sessions.models import SyncInstanceRecord

from .fleet import (
    PERIOD_TABLES,
    RUN_TABLES,
    TODAY,
    Fleet,
    cure,
    empty,
    fill,
    last_complete_periods,
    mark_stale,
    poison,
)
from .limit import write_period
from .measure import Measured
from .rows import compare_with_copy, count_rows, keep_copy


class RunIncomplete(CapacityError):
    """A run that is measured did not do all of its work."""

    code = "run_incomplete"


@dataclass(frozen=True)
class Figures:
    scenario: str
    work: Measured
    other: Measured  #: what it is compared with
    other_name: str
    rows: int  #: period rows that one run wrote
    ratio_target: float
    note: str = ""
    statements_target: int | None = None
    memory_target_mb: int = 150

    @property
    def ratio(self) -> float:
        return self.work.median / self.other.median


def scheduled(fleet: Fleet, runs: int) -> Figures:
    """The last complete period of every type against the limit: what the night's schedules do."""
    figures = _against_limit("scheduled", last_complete_periods(), runs, ratio_target=1.4)
    return replace(figures, statements_target=300)


def daily(fleet: Fleet, runs: int) -> Figures:
    """The current day against the limit."""
    return _against_limit("daily", [Period.containing("daily", TODAY)], runs, ratio_target=2)


def history(fleet: Fleet, runs: int) -> Figures:
    """The current day of a fleet with ten times the days, against the same fleet with the days given.

    A tenth of the instances, so that there are no more samples than in the other scenarios. Leaves another
    fleet behind.
    """
    short = replace(fleet, instances=max(fleet.instances // 10, 1))
    long = replace(short, days=fleet.days * 10)
    day, measured = [Period.containing("daily", TODAY)], []
    for one in (short, long):
        fill(one)
        measured.append(Measured())
        for _run in range(runs):
            _begin(day)
            measured[-1].run(lambda: aggregate(day))
    return Figures(
        "history",
        work=measured[1],
        other=measured[0],
        other_name=_("%(days)d days") % {"days": short.days},
        rows=count_rows(),
        ratio_target=1.3,
        note=_("%(instances)d instances, %(days)d days against %(fewer)d")
        % {"instances": short.instances, "days": long.days, "fewer": short.days},
    )


def poisoned(fleet: Fleet, runs: int) -> Figures:
    """The last complete periods with one instance whose sums overflow, against the same without it."""
    periods, work, undisturbed = last_complete_periods(), Measured(), Measured()
    for _run in range(runs):
        _begin(periods)
        undisturbed.run(lambda: aggregate(periods))
        poison(fleet)
        _begin(periods)
        with _failures_not_logged():
            work.run(lambda: aggregate(periods, may_fail=1))
        cure()
    done = SyncInstanceRecord.objects.filter(status=RecordStatus.COMPLETED)
    return Figures(
        "poison",
        work=work,
        other=undisturbed,
        other_name=_("undisturbed run"),
        rows=count_rows(),
        ratio_target=2,
        note=_("%(done)d of %(all)d instances done in every period")
        % {
            "done": min(done.filter(session__details__period_type=period.type).count() for period in periods),
            "all": fleet.instances,
        },
    )


#: In the order in which they can share one fleet; history comes last.
SCENARIOS: dict[str, Callable[[Fleet, int], Figures]] = {
    "scheduled": scheduled,
    "daily": daily,
    "poison": poisoned,
    "history": history,
}


def aggregate(periods: Sequence[Period], may_fail: int = 0) -> None:
    """The work: a session per period, both levels, every instance. RunIncomplete unless it did all but `may_fail`."""
    for period in periods:
        run = AggregationOrchestrator().run(period, Scope.ALL, sync_type=SyncType.SCHEDULED_TASK)
        if run.summary.failed_instances != may_fail or run.summary.skipped_instances:
            raise RunIncomplete(
                _("The %(type)s run was to fail for %(expected)d instances, but: %(message)s")
                % {"type": period.type, "expected": may_fail, "message": run.summary.message}
            )


def _against_limit(name: str, periods: list[Period], runs: int, ratio_target: float) -> Figures:
    work, limit = Measured(), Measured()

    def write_limit() -> None:
        for period in periods:
            write_period(period)

    for _run in range(runs):
        _begin(periods)
        work.run(lambda: aggregate(periods))
        rows = count_rows()
        keep_copy()
        empty(PERIOD_TABLES)
        limit.run(write_limit)
        compare_with_copy()
    return Figures(name, work=work, other=limit, other_name=pgettext("what plain SQL needs", "limit"), rows=rows, ratio_target=ratio_target)


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
