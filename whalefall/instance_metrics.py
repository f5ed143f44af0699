"""The gauges of each instance, by its name (label `name`, as `instance` is Prometheus' own) and engine."""

from collections.abc import Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

from capacity.insight.gauges import InstanceGauges

LABELS = ["name", "db_type"]
_TEXTS = {
    "size_bytes": "Its latest total size.",
    "databases": "Its databases on its last day with samples.",
    "last_sample_timestamp_seconds": "When its last sample was measured.",
    "days_until_full": "Days until its limit is reached, 0 when it is; there is none without a date.",
}
_GROWTH = "Bytes more or less than 7 days (span week) or 30 days (span month) before its last day."
_STATE = "1 for the state of its forecast: over, date, growing_slowly, flat, shrinking, too_little_history ..."


def instance_metrics(instances: Iterable[InstanceGauges]) -> Iterator[Metric]:
    """What is not known has no value."""
    families = {
        name: GaugeMetricFamily(f"whalefall_instance_{name}", text, labels=LABELS) for name, text in _TEXTS.items()
    }
    growth = GaugeMetricFamily("whalefall_instance_growth_bytes", _GROWTH, labels=[*LABELS, "span"])
    state = GaugeMetricFamily("whalefall_instance_forecast_state", _STATE, labels=[*LABELS, "state"])
    for one in instances:
        labels = [one.name, one.db_type]
        values = {
            "size_bytes": one.size,
            "databases": one.databases,
            "last_sample_timestamp_seconds": one.last_sample_at.timestamp() if one.last_sample_at else None,
            "days_until_full": one.days_until_full,
        }
        for name, value in values.items():
            if value is not None:
                families[name].add_metric(labels, value)
        for span, change in (("week", one.week_change), ("month", one.month_change)):
            if change is not None:
                growth.add_metric([*labels, span], change)
        if one.forecast_state:
            state.add_metric([*labels, one.forecast_state], 1)
    return iter([*families.values(), growth, state])
