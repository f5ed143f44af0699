"""/metrics for Prometheus: read from the database at each scrape, so that every process shows the same."""

from collections.abc import Iterator

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from capacity.alerts.outbox import failed_messages
from capacity.alerts.state import open_alerts
from capacity.insight import gauges
from capacity.periods import today
from capacity.runs import kinds
from sync_sessions.choices import SessionStatus
from sync_sessions.life import signs
from sync_sessions.models import SyncSession

from .instance_metrics import instance_metrics

_RUN_GAUGES = {
    "age_seconds": "Seconds since the last scheduled run of this kind ended.",
    "timestamp_seconds": "When the last scheduled run of this kind ended.",
    "duration_seconds": "How long the last scheduled run of this kind took.",
    "processed_instances": "Instances that the last scheduled run of this kind completed.",
    "skipped_instances": "Instances that had nothing to do in the last scheduled run of this kind.",
    "failed_instances": "Instances that failed in the last scheduled run of this kind.",
}


class FleetCollector:
    """What Prometheus asks for its metrics."""

    def collect(self) -> Iterator[Metric]:
        yield from _last_runs(kinds.last_runs())
        sample = gauges.last_sample_at()
        if sample is not None:
            age = (timezone.now() - sample).total_seconds()
            yield _gauge("last_sample_age_seconds", "Seconds since the newest sample was measured.", age)
            yield _gauge("last_sample_timestamp_seconds", "When the newest sample was measured.", sample.timestamp())
        opened = GaugeMetricFamily("whalefall_open_sessions", "Sessions that have not ended.", labels=["status"])
        for status, count in gauges.open_sessions().items():
            opened.add_metric([status], count)
        yield opened
        yield from _services()
        due, too_old = gauges.stale_period_counts()
        text = "Complete periods that new samples have outdated and that the next scheduled run computes."
        yield _gauge("stale_periods", text, due)
        text = "Complete periods that new samples have outdated and that are older than WHALEFALL_CATCH_UP_DAYS."
        yield _gauge("stale_periods_too_old", text, too_old)
        yield _gauge("active_instances", "Instances that are collected and aggregated.", gauges.active_instances())
        yield _gauge("fleet_bytes", "The latest total size of all active instances.", gauges.fleet_bytes())
        yield from instance_metrics(gauges.instances(today()))
        yield from _alerts()


def _alerts() -> Iterator[Metric]:
    opened = GaugeMetricFamily("whalefall_alerts_open", "Alerts that are open or acknowledged.", labels=["severity"])
    for severity, count in open_alerts().items():
        opened.add_metric([severity], count)
    yield opened
    yield CounterMetricFamily(
        "whalefall_notifications_failed", "Messages that could not be delivered.", value=failed_messages()
    )


def _gauge(name: str, text: str, value: float) -> Metric:
    gauge = GaugeMetricFamily(f"whalefall_{name}", text)
    gauge.add_metric([], value)
    return gauge


def _services() -> Iterator[Metric]:
    """Of worker and beat, where there is a broker (label `service`)."""
    up = GaugeMetricFamily("whalefall_service_up", "1 if it gives signs of life, else 0.", labels=["service"])
    text = "Seconds since its last sign of life; of one that never gave any there is none."
    age = GaugeMetricFamily("whalefall_service_sign_age_seconds", text, labels=["service"])
    text = "When it gave its last sign of life."
    at = GaugeMetricFamily("whalefall_service_sign_timestamp_seconds", text, labels=["service"])
    for sign in signs():
        up.add_metric([str(sign.service)], float(not sign.is_silent))
        if sign.age is not None:
            age.add_metric([str(sign.service)], sign.age.total_seconds())
        if sign.at is not None:
            at.add_metric([str(sign.service)], sign.at.timestamp())
    return iter([up, age, at])


def _last_runs(runs: dict[str, SyncSession]) -> Iterator[Metric]:
    """The gauges of every kind of run (label `run`: a period type, or collection)."""
    text = "1 for the status that the last scheduled run of this kind ended with, else 0."
    status = GaugeMetricFamily("whalefall_last_run_status", text, labels=["run", "status"])
    gauges = {
        name: GaugeMetricFamily(f"whalefall_last_run_{name}", text, labels=["run"])
        for name, text in _RUN_GAUGES.items()
    }
    now = timezone.now()
    for kind, run in runs.items():
        for word in (SessionStatus.COMPLETED, SessionStatus.FAILED, SessionStatus.CANCELLED):
            status.add_metric([kind, word.value], float(run.status == word))
        ended = run.completed_at or run.updated_at
        values = {
            "age_seconds": (now - ended).total_seconds(),
            "timestamp_seconds": ended.timestamp(),
            "duration_seconds": (ended - (run.started_at or ended)).total_seconds(),
            "processed_instances": run.successful_instances,
            "skipped_instances": run.skipped_instances,
            "failed_instances": run.failed_instances,
        }
        for name, gauge in gauges.items():
            gauge.add_metric([kind], values[name])
    return iter([status, *gauges.values()])


def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text. With WHALEFALL_METRICS_TOKEN set: 401 without `Authorization: Bearer TOKEN`.

    Without that setting 403 in production: to whoever reaches this process a fleet's sizes and failures are closed.
    """
    token = settings.WHALEFALL_METRICS_TOKEN
    if not token and not settings.METRICS_WITHOUT_TOKEN:
        return HttpResponse("Closed: set WHALEFALL_METRICS_TOKEN to open it.\n", "text/plain", 403)
    if token and not constant_time_compare(request.headers.get("Authorization", ""), f"Bearer {token}"):
        answer = HttpResponse("Send the header Authorization: Bearer TOKEN.\n", "text/plain", 401)
        answer["WWW-Authenticate"] = "Bearer"
        return answer
    registry = CollectorRegistry(auto_describe=False)
    registry.register(FleetCollector())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
