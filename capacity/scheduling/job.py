"""What a schedule does, as people say it. Pure: no database, no clock."""

import json
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from capacity.aggregation.arguments import parse_scope
from capacity.errors import InputError
from capacity.periods import PERIODS, parse_periods
from capacity.runs.kinds import COLLECTION, INSIGHT, TABLES, lock_key
from sync_sessions.choices import Scope
from sync_sessions.common.words import listed


class Job(models.TextChoices):
    COLLECT = "collect", _("Collect")
    AGGREGATE = "aggregate", _("Aggregate")
    INSIGHT = "insight", _("Make forecasts and find events")
    TABLES = "tables", _("Measure the largest tables of what changed")
    PURGE = "purge", _("Delete old samples and sessions")
    REAP = "reap", _("Fail dead sessions")
    NOTIFY = "notify", _("Send messages")
    REPORT = "report", _("Send the monthly report")


#: The tasks that schedules of this product name.
TASKS: dict[str, str] = {
    Job.COLLECT.value: "capacity.collect_capacity",
    Job.AGGREGATE.value: "capacity.run_capacity_aggregation",
    Job.INSIGHT.value: "capacity.refresh_insight",
    Job.TABLES.value: "capacity.snapshot_tables",
    Job.PURGE.value: "capacity.purge_samples",
    Job.REAP.value: "sync_sessions.fail_stale_sessions",
    Job.NOTIFY.value: "capacity.send_notifications",
    Job.REPORT.value: "capacity.send_report",
}
JOBS = {task: job for job, task in TASKS.items()}
#: The one kind of run that a job is; an aggregation has one for each of its periods, the others have none.
KINDS: dict[str, str] = {
    Job.COLLECT.value: COLLECTION,
    Job.INSIGHT.value: INSIGHT,
    Job.TABLES.value: TABLES,
}


class UnknownWhat(InputError):
    """Arguments that the task would refuse, or that have no words here."""

    code = "unknown_arguments"


@dataclass(frozen=True)
class What:
    """`periods` and `scope` are those of an aggregation."""

    job: str
    periods: tuple[str, ...] = ()  #: in the order of PERIODS
    scope: str = Scope.ALL.value
    tags: tuple[str, ...] = ()  #: only of instances with one of them; of what can be run now

    @property
    def lock_keys(self) -> tuple[str, ...]:
        """Those of the sessions that it opens; purging and the like open none."""
        return tuple(map(lock_key, [KINDS[self.job]] if self.job in KINDS else self.periods))

    @property
    def can_run_now(self) -> bool:
        return self.job == Job.AGGREGATE or self.job in KINDS

    def kwargs(self) -> dict[str, Any]:
        """Its task's arguments."""
        tags = {"tags": list(self.tags)} if self.tags else {}
        if self.job != Job.AGGREGATE:
            return tags
        scope = {} if self.scope == Scope.ALL else {"scope": self.scope}
        return {"periods": list(self.periods), **scope, **tags}

    @classmethod
    def of(cls, task: str, args: str, kwargs: str) -> "What | None":
        """What a row's task and arguments (JSON texts) mean; None for a task that is not in TASKS.

        Raises UnknownWhat, PeriodError or ScopeError, whose messages say what is wrong with the arguments.
        """
        if task not in JOBS:
            return None
        try:
            positional, named = json.loads(args or "[]"), json.loads(kwargs or "{}")
        except ValueError as error:
            raise UnknownWhat(gettext("Its arguments are not JSON: it never runs.")) from error
        if not isinstance(named, dict) or positional != []:
            raise UnknownWhat(gettext("Its arguments are not given by name."))
        job = JOBS[task]
        known = {"tags"} if cls(job).can_run_now else set()
        unknown = sorted(set(named) - known - ({"periods", "scope"} if job == Job.AGGREGATE else set()))
        if unknown:
            raise UnknownWhat(gettext("Its task takes no argument called %(names)s.") % {"names": listed(unknown)})
        tags = _tags(named.get("tags"))
        if job != Job.AGGREGATE:
            return cls(job, tags=tags)
        periods = named.get("periods")
        if not isinstance(periods, list | str | None):
            raise UnknownWhat(gettext("Its periods are no list."))
        keys = {config.key for config in parse_periods(periods)}
        return cls(job, tuple(key for key in PERIODS if key in keys), parse_scope(named.get("scope")), tags)


def _tags(names: Any) -> tuple[str, ...]:
    if names is None:
        return ()
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise UnknownWhat(gettext("Its tags are no list of names."))
    return tuple(dict.fromkeys(names))
