"""Rows of lists as CSV (RFC 4180, UTF-8): no door holds more than one block of them."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any

import structlog
from django.db.models import Model, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from capacity.inventory.tags import tag_names
from capacity.models import DatabaseState, Instance
from capacity.models.present import CHANGES
from sync_sessions.common.gates import Gate, Held

from .outlook import DATABASES, INSTANCES, Level, outlooks

log = structlog.get_logger(__name__)

TAGS = "tags"  #: the column of the tags of a row's instance, separated by commas
BLOCK = 1000  #: rows that are fetched and written at a time
#: A spreadsheet takes a text that begins with one of these for a formula, and runs it; some take the full-width ones.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
#: An export keeps a thread and a processor busy for as long as its reader reads.
EXPORTS = Gate(2, gettext_lazy("Other exports are under way: try again in half a minute."), retry_after=30)


#: Of instances by name, for a column that is added to them may be a secret.
OF_INSTANCES = {
    "instance_id": "pk",
    "instance_name": "name",
    "db_type": "db_type",
    TAGS: "pk",
    **{name: name for name in ("host", "port", "is_active", "description")},
    **{
        name: f"state__{name}"
        for name in ("first_day", "last_day", "last_sample_at", "last_size_bytes", "last_database_count", *CHANGES)
    },
}


def columns(model: type[Model]) -> dict[str, str]:
    """{header: lookup} of the CSV of instances, or of a model with one: its own columns, and whose they are."""
    if model is Instance:
        return OF_INSTANCES
    found = {}
    for field in model._meta.concrete_fields:
        found[field.attname] = field.attname
        if field.name == "instance":
            found |= {"instance_name": "instance__name", "db_type": "instance__db_type", TAGS: "instance_id"}
    return found


def _outlook_cells(level: Level, rows: list[dict[str, Any]]) -> list[list[Any]]:
    """What stands beside databases or instances: of as many as a block has, at most six queries."""
    targets = [(row["instance_id"], row.get("database_name", "")) for row in rows]
    found = outlooks(level.level, targets)
    return [
        [
            one.usage and one.usage.limit_bytes,
            one.usage and one.usage.percent,
            one.forecast and one.forecast.state,
            one.full_on,
        ]
        for one in map(found.__getitem__, targets)
    ]


#: Columns after the model's own,
OUTLOOK = ["limit_bytes", "used_percent", "forecast_state", "full_on"]
#: and what makes their cells of a block of rows as {header: value}.
BESIDE: dict[type[Model], Callable[[list[dict[str, Any]]], list[list[Any]]]] = {
    DatabaseState: partial(_outlook_cells, DATABASES),
    Instance: partial(_outlook_cells, INSTANCES),
}


def export(rows: QuerySet[Any]) -> Held:
    """The CSV of these rows, for an answer to stream and to close; Busy when others are exported already."""
    return EXPORTS.around(lambda: write_rows(rows))


def write_rows(rows: QuerySet[Any]) -> Iterator[str]:
    """The CSV of these rows in their order, header first, in blocks of some hundred lines.

    Memory is constant: on PostgreSQL the rows wait in a cursor of the server, which holds no transaction
    open. The first block is made from the first rows, so that a database that fails at once fails before
    anything is sent. An error later on is the last line of what is written, and raised: a connection that
    breaks is not noticed everywhere, and what is missing must not look like a complete file.
    """
    names, beside = columns(rows.model), BESIDE.get(rows.model)
    block = io.StringIO()
    writer = csv.writer(block, lineterminator="\r\n")
    writer.writerow([*names, *(OUTLOOK if beside else [])])
    lines = rows.prefetch_related(None).values_list(*names.values()).iterator(chunk_size=BLOCK)
    sent = 0
    try:
        cells = _cells_of(names)
        while found := list(islice(lines, BLOCK)):
            added = beside([dict(zip(names, row, strict=True)) for row in found]) if beside else [[]] * len(found)
            for row, last in zip(found, added, strict=True):
                writer.writerow([*(make(value) for make, value in zip(cells, row, strict=True)), *map(cell, last)])
            if len(found) == BLOCK:
                yield _taken(block)
                sent += BLOCK
    except Exception as error:
        if sent:
            log.error("export.broken_off", model=rows.model._meta.label, rows=sent, exc_info=error)
            yield (
                _("THIS FILE IS NOT COMPLETE: the export broke off after %(rows)d rows. Export again.")
                % {"rows": sent}
                + "\r\n"
            )
        raise
    yield _taken(block)


def _cells_of(names: dict[str, str]) -> list[Callable[[Any], Any]]:
    """What makes a cell of each column's value. A query, for the tags."""
    tags = tag_names() if TAGS in names else {}
    return [(lambda key: cell(",".join(tags.get(key, ())))) if name == TAGS else cell for name in names]


def cell(value: Any) -> Any:
    """A value as a CSV cell: null is empty, times have their offset, objects are JSON, text is never a formula."""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, datetime):
        return timezone.localtime(value).isoformat()
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    return value


def _taken(block: io.StringIO) -> str:
    """What is in the block, which is empty then."""
    text = block.getvalue()
    block.seek(0)
    block.truncate()
    return text
