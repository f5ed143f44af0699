"""What a schedule has to do: the marked periods, and of each the marked instances."""

from collections.abc import Collection, Iterable
from datetime import date

from capacity.inventory.selection import InstanceRef, read_refs
from capacity.models import Instance, StalePeriod
from capacity.models.state import caught_up_since
from capacity.periods import Period, PeriodConfig
from sync_sessions.choices import Scope

from .arguments import Which, plan_periods


def stale_periods(
    configs: Iterable[PeriodConfig], today: date, since: date | None = None, tags: Collection[str] = ()
) -> list[Period]:
    """`StalePeriod.due` of these types: complete, marked, not purged, ended on `since` or later; oldest first."""
    return StalePeriod.due([config.key for config in configs], today, since, tags)


def stale_instances(period: Period, tags: Collection[str] = ()) -> list[InstanceRef]:
    """The active instances that this period is marked for, with one of these tags; in key order. One query."""
    marked = StalePeriod.objects.of(period).values("instance")
    return read_refs(Instance.objects.active().tagged(tags).filter(pk__in=marked).order_by("pk"))


def periods_to_run(
    configs: Iterable[PeriodConfig], stale: Iterable[Period], scope: str, now: date, *, everything: bool = False
) -> list[Period]:
    """The periods of a scheduled run, oldest first. Pure.

    Both levels: the stale ones, complete and of these types, that ended within WHALEFALL_CATCH_UP_DAYS, or
    `everything`. One level alone leaves the marks as they are, so it takes the last complete period of each type.
    """
    if scope != Scope.ALL:
        return plan_periods(configs, Which.LAST, now)
    types, since = {config.key for config in configs}, date.min if everything else caught_up_since(now)
    wanted = {period for period in stale if period.type in types and since <= period.end < now}
    return sorted(wanted, key=lambda period: (period.end, period.days))


def select_instances(marked: Iterable[InstanceRef], scope: str) -> list[InstanceRef] | None:
    """The instances of a scheduled run: the active marked ones. Pure.

    None, the whole active fleet, for one level alone: it leaves the marks as they are.
    """
    return [one for one in marked if one.is_active] if scope == Scope.ALL else None
