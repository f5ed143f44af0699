"""A period of the whole fleet, or of a part of it, in a few numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from django.db.models import Count, F, Max, Q, QuerySet, Sum

from capacity.dialect import percent_of
from capacity.models import TREND_PERCENT, TrendDirection
from capacity.periods import Period

HALF = 2**32


class Level(Protocol):
    """What is asked of a level of the roll-up here: its first measure is the size."""

    @property
    def measures(self) -> Sequence[Any]: ...


@dataclass(frozen=True)
class Figures:
    """The columns of a level that say how large a row is, and how that changed."""

    size: str
    growth_bytes: str
    growth_percent: str
    largest: str

    @classmethod
    def of(cls, level: Level) -> "Figures":
        measure = level.measures[0]
        return cls(f"avg_{measure.target}", measure.change, measure.percent, f"max_{measure.target}")


#: What rows are ranked by: the names of the figures for people.
RANKED_BY = ("size", "growth_bytes", "growth_percent")


def newest_complete(rows: QuerySet[Any], type: str, today: date) -> Period | None:
    """The newest complete period of that type that any of these rows is of. One query."""
    last = Period.last_complete(type, today)
    newest = (
        rows.filter(period_type=type, period_start__lte=last.start)
        .order_by("-period_start")
        .values_list("period_start", "period_end")
        .first()
    )
    return Period(type, *newest) if newest else None


def summarise(level: Level, rows: QuerySet[Any], period: Period | None) -> dict[str, Any]:
    """These rows, which are of that one period, added up; sizes in bytes. One query, none without a period.

    The change of the whole is that of the rows that have one: a database that is new is no growth. Growing and
    shrinking are what they are for an instance's trend.
    """
    figures = Figures.of(level)
    compared, percent = Q(**{f"{figures.growth_bytes}__isnull": False}), figures.growth_percent
    found = (
        (rows if period else rows.none())
        .order_by()
        .aggregate(
            **halves("size", F(figures.size)),
            **halves("change", F(figures.growth_bytes)),
            **halves("now", F(figures.size), compared),
            rows=Count("pk"),
            instances=Count("instance_id", distinct=True),
            largest=Max(figures.largest),
            compared=Count("pk", filter=compared),
            fully_covered=Count("pk", filter=Q(covered_days=period.days if period else 0)),
            growing=Count("pk", filter=Q(**{f"{percent}__gt": TREND_PERCENT})),
            shrinking=Count("pk", filter=Q(**{f"{percent}__lt": -TREND_PERCENT})),
            unknown=Count("pk", filter=Q(**{f"{percent}__isnull": True})),
        )
    )
    count, changed = found["rows"], found["compared"]
    total, change, now = (whole(found, name) for name in ("size", "change", "now"))
    return {
        "row_count": count,
        "instance_count": found["instances"],
        "fully_covered_count": found["fully_covered"],
        "total_size_bytes": total,
        "avg_size_bytes": (2 * total + count) // (2 * count) if count else None,
        "max_size_bytes": found["largest"],
        "compared_count": changed,
        "size_change_bytes": change if changed else None,
        "size_change_percent": percent_of(change, now - change) if changed else None,
        "trends": {
            TrendDirection.GROWING.value: found["growing"],
            TrendDirection.SHRINKING.value: found["shrinking"],
            TrendDirection.STABLE.value: count - found["growing"] - found["shrinking"] - found["unknown"],
            TrendDirection.UNKNOWN.value: found["unknown"],
        },
    }


def halves(name: str, column: F, only: Q | None = None) -> dict[str, Any]:
    """A sum in two parts, as SQLite's SUM fails beyond 2^63-1. The signs are right: both databases cut toward 0."""
    return {f"{name}_high": Sum(column / HALF, filter=only), f"{name}_low": Sum(column % HALF, filter=only)}


def whole(found: Mapping[str, Any], name: str) -> int:
    return int(found[f"{name}_high"] or 0) * HALF + int(found[f"{name}_low"] or 0)


def top_rows(level: Level, rows: QuerySet[Any], by: str, limit: int) -> QuerySet[Any]:
    """The largest of these rows by one of RANKED_BY. A row that has no such figure is not among them."""
    column = getattr(Figures.of(level), by)
    return rows.filter(**{f"{column}__isnull": False}).order_by(f"-{column}", "id")[:limit]
