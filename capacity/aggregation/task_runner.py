"""What a scheduled job does: which periods, the lock, the orchestrator, one result. No business rule."""

import logging
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import Error
from django.utils.translation import gettext as _

from capacity.errors import InputError, JobBusy
from capacity.models import Instance
from capacity.periods import Period, PeriodConfig, parse_periods, period_config, today
from capacity.runs.faults import Fault, classify, describe
from sync_sessions.choices import Scope, SessionStatus, SyncType
from sync_sessions.errors import SessionAlreadyRunning

from .arguments import parse_scope
from .due import Which, caught_up_since, plan_periods, stale_instances, stale_periods
from .locks import CapacityLockManager, JobLock
from .orchestrator import AggregationOrchestrator, RunResult
from .progress import ProgressCallbacks
from .results import REASONS, AggregationStatus, PeriodSummary
from .service import AggregationService

TRANSIENT_RETRY_SECONDS = 30
BUSY_MARGIN_SECONDS = 30  #: after the lease: a dead session is failed by then


class ErrorClass(NamedTuple):
    """What an error means for a job."""

    name: str  #: validation, transient, busy or unexpected
    level: int  #: of the log line
    traceback: bool
    retry_after: int | None  #: seconds; None: not again


def classify_error(error: BaseException) -> ErrorClass:
    """Pure; see `ErrorClass`."""
    if isinstance(error, JobBusy | SessionAlreadyRunning):
        return ErrorClass("busy", logging.WARNING, False, settings.WHALEFALL_SESSION_LEASE + BUSY_MARGIN_SECONDS)
    if isinstance(error, InputError):
        return ErrorClass("validation", logging.ERROR, False, None)
    if isinstance(error, Error) and classify(error) is Fault.TRANSIENT:
        return ErrorClass("transient", logging.WARNING, False, TRANSIENT_RETRY_SECONDS)
    return ErrorClass("unexpected", logging.ERROR, True, None)


def periods_to_run(configs: Iterable[PeriodConfig], stale: Iterable[Period], scope: str, now: date) -> list[Period]:
    """The periods of a scheduled run, oldest first. Pure.

    Both levels: the stale complete ones that ended within WHALEFALL_CATCH_UP_DAYS. One level alone leaves the
    marks as they are, so it takes the last complete period of each type.
    """
    if scope != Scope.ALL:
        return plan_periods(configs, Which.LAST, now)
    since = caught_up_since(now)
    types = {config.key for config in configs}
    wanted = {p for p in stale if p.type in types and p.is_complete(now) and p.end >= since}
    return sorted(wanted, key=lambda period: (period.end, period.days))


def select_instances(marked: Iterable[Instance], scope: str) -> list[Instance] | None:
    """The instances of a scheduled run: the active marked ones. Pure.

    None, the whole active fleet, for one level alone: it leaves the marks as they are.
    """
    return [one for one in marked if one.is_active] if scope == Scope.ALL else None


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

    def run_periods(
        self, periods: Iterable[str] | None = None, *, scope: str | None = None, task_id: str = ""
    ) -> dict[str, Any]:
        """Every period of these types (None: all) that is due, each in a session of its own."""
        if not settings.WHALEFALL_AGGREGATION_ENABLED:
            return self._skip(_("Aggregation is switched off (WHALEFALL_AGGREGATION_ENABLED)."))
        try:
            configs, wanted = parse_periods(periods), parse_scope(scope)
        except Exception as error:
            return self._total([self._failure("periods", error)])
        now = today()
        results = [result for config in configs for result in self._run_type(config, wanted, now, task_id)]
        return self._total(results) if results else self._skip(_("No complete period is stale: nothing to do."))

    def run_instance(
        self, instance_id: int, periods: Iterable[str] | None = None, *, task_id: str = ""
    ) -> dict[str, Any]:
        """The last complete period of each type (None: all) of one instance. Inactive or unknown: skipped."""
        if not settings.WHALEFALL_AGGREGATION_ENABLED:
            return self._skip(_("Aggregation is switched off (WHALEFALL_AGGREGATION_ENABLED)."))
        try:
            due = plan_periods(parse_periods(periods), Which.LAST, today())
            instance = Instance.objects.filter(pk=instance_id).first()
        except Exception as error:
            return self._total([self._failure("periods", error)])
        if instance is None or not instance.is_active:
            return self._skip(str(REASONS["instance_inactive" if instance else "instance_unknown"]))
        # No lock: a session of one instance has a key of its own.
        kind = SyncType.MANUAL_SINGLE
        return self._total([self._run(p, Scope.ALL, [instance], JobLock(), kind, task_id) for p in due])

    def run_period(
        self, period_type: str, period: Period | None = None, *, scope: str | None = None, task_id: str = ""
    ) -> dict[str, Any]:
        """One period (None: the last complete one), of the instances marked for it, or of the fleet if none is."""
        if not settings.WHALEFALL_AGGREGATION_ENABLED:
            return self._skip(_("Aggregation is switched off (WHALEFALL_AGGREGATION_ENABLED)."))
        try:
            period = period or Period.last_complete(period_config(period_type).key, today())
            wanted = parse_scope(scope)
            with self.locks.job_lock(period) as lock:
                instances = select_instances(stale_instances(period), wanted) or None
                return self._run(period, wanted, instances, lock, SyncType.SCHEDULED_TASK, task_id)
        except Exception as error:
            return self._failure(period_type, error, period)

    def _run_type(self, config: PeriodConfig, scope: str, now: date, task_id: str) -> list[dict[str, Any]]:
        """The due periods of one type, all under one lock: two workers would else take turns at them."""
        results: list[dict[str, Any]] = []
        try:
            with self.locks.job_lock(Period.last_complete(config.key, now)) as lock:
                stale = stale_periods([config], now) if scope == Scope.ALL else []
                for period in periods_to_run([config], stale, scope, now):
                    instances = select_instances(stale_instances(period), scope)
                    if instances == []:
                        continue  # another process has computed it meanwhile
                    results.append(self._run(period, scope, instances, lock, SyncType.SCHEDULED_TASK, task_id))
                    if results[-1]["retry_after"]:
                        break  # the next one would meet the same
        except Exception as error:
            results.append(self._failure(config.key, error))
        return results

    def _run(
        self,
        period: Period,
        scope: str,
        instances: list[Instance] | None,
        lock: JobLock,
        sync_type: str,
        task_id: str,
    ) -> dict[str, Any]:
        """One period through the orchestrator; errors are classified, logged and in the result."""
        try:
            run = self.orchestrator.run(
                period,
                scope,
                instances=instances,
                sync_type=sync_type,
                task_id=task_id,
                listeners=ProgressCallbacks(on_complete=lock.extend, on_error=lock.extend),
            )
        except Exception as error:
            return self._failure(period.type, error, period)
        result = self._result(period, run)
        self._log_period_summary(period.type, result)
        return result

    def _result(self, period: Period, run: RunResult) -> dict[str, Any]:
        summary = run.summary
        return {
            **_identity(period),
            # Cancelled after its last chunk: the session knows.
            "status": _cancelled(run) or str(summary.status),
            "message": str(summary.message),
            "retry_after": None,
            "session_id": str(run.session.session_id),
            "processed_instances": summary.processed_instances,
            "skipped_instances": summary.skipped_instances,
            "failed_instances": summary.failed_instances,
            "processed_records": summary.processed_records,
            "errors": list(summary.errors),
            "database": self._collect_database_result(summary),
            "instance": self._collect_instance_results(summary),
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
        session = getattr(error, "sync_session_id", None)
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


def _cancelled(run: RunResult) -> str | None:
    return AggregationStatus.CANCELLED.value if run.session.status == SessionStatus.CANCELLED else None
