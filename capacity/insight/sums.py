"""Instances added up, as the line above their list says it. Sizes are bytes."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum

from capacity.models import Instance
from capacity.models.present import SPANS
from capacity.units import percent

from .summary import halves, whole


@dataclass(frozen=True)
class Grown:
    """The change of those that have one: a new instance is no growth."""

    bytes: int
    percent: Decimal | None  #: None: they were empty
    compared: int


@dataclass(frozen=True)
class Sums:
    instances: int
    measured: int
    databases: int
    bytes: int
    grown: dict[str, Grown]  #: {a span of SPANS: the change in it}; a span in which none can be compared is left out


def add_up(instances: QuerySet[Instance]) -> Sums:
    """As they are now. One query, of one row."""
    size = F("state__last_size_bytes")
    asked: dict[str, Any] = {}
    for span in SPANS:
        column = f"state__{span}_change_bytes"
        compared = Q(**{f"{column}__isnull": False})
        asked |= {**halves(span, F(column)), **halves(f"{span}_now", size, compared)}
        asked[f"{span}_compared"] = Count("pk", filter=compared)
    found = instances.order_by().aggregate(
        **asked,
        **halves("size", size),
        instances=Count("pk"),
        measured=Count("state"),
        databases=Sum("state__last_database_count", default=0),
    )
    grown = {}
    for span in SPANS:
        if count := found[f"{span}_compared"]:
            change = whole(found, span)
            before = whole(found, f"{span}_now") - change
            grown[span] = Grown(change, percent(change, before), count)
    return Sums(found["instances"], found["measured"], found["databases"], whole(found, "size"), grown)
