"""What a scheduled job does: which periods, the lock, the orchestrator, one result. What is due is in `due`."""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from functools import wraps
from typing import Any
from uuid import uuid4

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.contrib.auth import get_user_model
from django.utils.translation import gettext as _

from capacity.errors import AggregationDisabled
from capacity.inventory.selection import InstanceRef, Selection
from capacity.models import Instance
from capacity.periods import Period, PeriodConfig, parse_periods, period_config, today
from capacity.runs.faults import classify_error, describe
from capacity.runs.outcome import RunOutcome
from capacity.runs.switch import check_enabled
from sync_sessions.choices import Scope, SyncType
from sync_sessions.errors import session_id_of

from .arguments import Which, parse_scope, plan_periods
from .due import caught_up_since, periods_to_run, select_instances, stale_instances, stale_periods
from .locks import CapacityLockManager, JobLock
from .orchestrator import AggregationOrchestrator
from .progress import ProgressCallbacks
from .results import REASONS, AggregationStatus, PeriodSummary
from .service import AggregationService


def skipped_when_off(method: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """A job that says so when aggregation is switched off, before it reads anything."""

    @wraps(method)
    def job(runner: "AggregationTaskRunner", *args: Any, **options: Any) -> dict[str, Any]:
        try:
            check_enabled()
        except AggregationDisabled as off:
            return runner._skip(describe(off))
        return method(runner, *args, **options)

    return job


def by_hand(user: int) -> dict[str, Any]:
    """Whose runs these are, if a person started them: for `run_periods`. One query."""
    return {
        "sync_type": SyncType.MANUAL_TASK,
        "for_fleet": True,
        "created_by": get_user_model().objects.filter(pk=user).first(),
    }


class AggregationTaskRunner:
    """Runs scheduled periods and gives one structure for logs, metrics and callers.

    `{"status": completed | skipped | failed, "message", "retry_after": seconds or None, "periods": [result]}`;
    each result has the period, its own status, message and retry_after, the session's id, the numbers and
    blocks of the service's summary.
    """

    def __init__(
        self,
        service: AggregationService,
        logger: Any = None,
        lock_manager: CapacityLockManager | None = None,
        orchestrator: AggregationOrchestrator | None = None,
    ) -> None:
        self.log = logger or structlog.get_logger(__name__)
        self.locks = lock_manager or CapacityLockManager()
        self.orchestrator = orchestrator or AggregationOrchestrator(service)

    @skipped_when_off
    def run_periods(
        self,
        periods: Iterable[str] | None = None,
        *,
        scope: str | None = None,
        task_id: str = "",
        everything: bool = False,
        tags: Collection[str] | None = None,
        **by: Any,
    ) -> dict[str, Any]:
        """Every period of these types (None: all) that is due, each in a session of its own.

        `everything`: also what is older than WHALEFALL_CATCH_UP_DAYS. `tags`: only of the instances with one of them.
        `by`: who started it, if no schedule did: `sync_type` and `created_by` of the sessions.
        """
        try:
            configs, wanted = parse_periods(periods), parse_scope(scope)
            Selection.tagged(tags).check_tags()
        except Exception as error:
            return self._total([self._failure("periods", error)])
        now = today()
        by |= {"task_id": task_id or str(uuid4()), "tags": tuple(tags or ())}  # the log knows them for one
        results = [result for config in configs for result in self._run_type(config, wanted, now, everything, by)]
        return self._total(results) if results else self._skip(_("No complete period is stale: nothing to do."))

    @skipped_when_off
    def run_instance(
        self, instance_id: int, periods: Iterable[str] | None = None, *, task_id: str = ""
    ) -> dict[str, Any]:
        """The last complete period of each type (None: all) of one instance. Inactive or unknown: skipped."""
        try:
            due = plan_periods(parse_periods(periods), Which.LAST, today())
            instance = Instance.objects.filter(pk=instance_id).first()
        except Exception as error:
            return self._total([self._failure("periods", error)])
        if instance is None or not instance.is_active:
            return self._skip(str(REASONS["instance_inactive" if instance else "instance_unknown"]))
        # No lock: a session of one instance has a key of its own.
        by = {"sync_type": SyncType.MANUAL_SINGLE, "task_id": task_id}
        return self._total([self._run(p, Scope.ALL, [instance], JobLock(), **by) for p in due])

    @skipped_when_off
    def run_period(
        self, period_type: str, period: Period | None = None, *, scope: str | None = None, task_id: str = ""
    ) -> dict[str, Any]:
        """One period (None: the last complete one), of the instances marked for it, or of the fleet if none is."""
        try:
            period = period or Period.last_complete(period_config(period_type).key, today())
            wanted = parse_scope(scope)
            with self.locks.job_lock(period) as lock:
                instances = select_instances(stale_instances(period), wanted) or None
                return self._run(period, wanted, instances, lock, task_id=task_id)
        except Exception as error:
            return self._failure(period_type, error, period)

    def _run_type(
        self, config: PeriodConfig, scope: str, now: date, everything: bool, by: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """The due periods of one type, all under one lock: two workers would else take turns at them."""
        results: list[dict[str, Any]] = []
        try:
            with self.locks.job_lock(Period.last_complete(config.key, now)) as lock:
                since = None if everything else caught_up_since(now)
                stale = stale_periods([config], now, since, by["tags"]) if scope == Scope.ALL else []
                for period in periods_to_run([config], stale, scope, now, everything=everything):
                    instances = select_instances(stale_instances(period, by["tags"]), scope)
                    if instances == []:
                        continue  # another process has computed it meanwhile
                    results.append(self._run(period, scope, instances, lock, **by))
                    if results[-1]["retry_after"]:
                        break  # the next one would meet the same
        except Exception as error:
            results.append(self._failure(config.key, error))
        return results

    def _run(
        self,
        period: Period,
        scope: str,
        instances: Sequence[Instance | InstanceRef] | None,
        lock: JobLock,
        **by: Any,
    ) -> dict[str, Any]:
        """One period through the orchestrator; errors are classified, logged and in the result."""
        try:
            run = self.orchestrator.run(
                period,
                scope,
                instances=instances,
                listeners=ProgressCallbacks(on_complete=lock.extend, on_error=lock.extend),
                **{"sync_type": SyncType.SCHEDULED_TASK, **by},
            )
        except Exception as error:
            return self._failure(period.type, error, period)
        result = self._result(period, run)
        self._log_period_summary(period.type, result)
        return result

    def _result(self, period: Period, run: RunOutcome) -> dict[str, Any]:
        return {
            **_identity(period),
            "status": run.status,
            "message": run.message,
            "retry_after": None,
            "session_id": str(run.session.session_id),
            "processed_instances": run.processed_instances,
            "skipped_instances": run.skipped_instances,
            "failed_instances": run.failed_instances,
            "processed_records": run.processed_records,
            "errors": list(run.errors),
            "database": self._collect_database_result(run.summary),
            "instance": self._collect_instance_results(run.summary),
        }

    def _collect_database_result(self, summary: PeriodSummary) -> dict[str, int]:
        """The block of the database level, as the service made it."""
        return dict(summary.levels.get("database", {}))

    def _collect_instance_results(self, summary: PeriodSummary) -> dict[str, int]:
        """The block of the instance level, as the service made it."""
        return dict(summary.levels.get("instance", {}))

    def _log_period_summary(self, key: str, result: Mapping[str, Any]) -> None:
        """One line per outcome: completed as info, skipped as warning with the reason, failed as error."""
        shown = ("period_start", "message", "session_id", "processed_instances", "failed_instances", "errors")
        facts = {name: result[name] for name in shown if result.get(name)}
        write = {"completed": self.log.info, "failed": self.log.error}.get(result["status"], self.log.warning)
        write(f"aggregation.period_{result['status']}", period_type=key, **facts)

    def _failure(self, key: str, error: Exception, period: Period | None = None) -> dict[str, Any]:
        if isinstance(error, SoftTimeLimitExceeded):
            raise error  # no further period is begun: the worker is about to kill this process
        kind = classify_error(error)
        session = session_id_of(error)
        # Busy is no failure of ours: another run is doing the work.
        status = AggregationStatus.SKIPPED if kind.name == "busy" else AggregationStatus.FAILED
        facts = {"period_type": key, "kind": kind.name, "error": describe(error), "retry_after": kind.retry_after}
        write = self.log.error if kind.level == logging.ERROR else self.log.warning
        write(f"aggregation.period_{status}", exc_info=error if kind.traceback else None, **facts)
        return {
            **(_identity(period) if period else {"period_type": key}),
            "status": status.value,
            "message": describe(error),
            "error_class": kind.name,
            "retry_after": kind.retry_after,
            "session_id": str(session) if session else None,
        }

    def _skip(self, reason: str) -> dict[str, Any]:
        self.log.warning("aggregation.skipped", reason=reason)
        return {"status": AggregationStatus.SKIPPED.value, "message": reason, "retry_after": None, "periods": []}

    def _total(self, results: list[dict[str, Any]]) -> dict[str, Any]:
        statuses = {result["status"] for result in results}
        worst = next((word for word in ("failed", "cancelled", "completed") if word in statuses), "skipped")
        again = max(results, key=lambda result: result["retry_after"] or 0)
        return {
            "status": worst,
            "message": "; ".join(dict.fromkeys(result["message"] for result in results)),
            "retry_after": again["retry_after"],
            "error_class": again.get("error_class"),
            "periods": results,
        }


def _identity(period: Period) -> dict[str, str]:
    return {
        "period_type": period.type,
        "period_start": period.start.isoformat(),
        "period_end": period.end.isoformat(),
    }
