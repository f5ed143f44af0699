"""Statements over many rows at once, their values in one JSON parameter.

A constant number of statements whatever the number of rows; bulk_update takes 15 times as long, and
bulk_create on SQLite a statement per 60 records.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import connection

from .choices import OPEN_RECORD, RecordStatus

NOW = {"postgresql": "STATEMENT_TIMESTAMP()", "sqlite": "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW')"}


def json_rows(columns: Mapping[str, str]) -> str:
    """A row source with one %s, a JSON list of lists: the values of `columns` (name: PostgreSQL's type), in order.

    To stand behind FROM; gets the alias v. Not objects and jsonb_to_recordset: that takes PostgreSQL thrice the time.
    """
    if connection.vendor == "postgresql":
        # OFFSET: each cell is read once, not wherever the statement around names it.
        cells, rows = "(value ->> {index})::{type}", "jsonb_array_elements(%s::jsonb) OFFSET 0"
    else:
        cells, rows = "json_extract(value, '$[{index}]')", "json_each(%s)"
    # Types without their lengths: a cast would cut off what the column is to refuse.
    picked = ", ".join(
        f"{cells.format(index=index, type=type.partition('(')[0])} AS {name}"
        for index, (name, type) in enumerate(columns.items())
    )
    return f"(SELECT {picked} FROM {rows}) AS v"


def insert_records(session_pk: int, category: str, instances: Iterable[tuple[int, str]]) -> None:
    """Inserts a pending record per (instance id, name), in the order of the ids."""
    rows = json.dumps(list(instances))
    sql = f"""
        INSERT INTO sync_instance_records (session_id, instance_id, instance_name, sync_category, status,
            items_synced, items_created, items_updated, items_deleted, error_code, error_message, sync_details)
        SELECT %s, v.id, v.name, %s, '{RecordStatus.PENDING}', 0, 0, 0, 0, '', '', '{{}}'
        FROM {json_rows({"id": "bigint", "name": "text"})}
        WHERE true ORDER BY v.id
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, [session_pk, category, rows])


_RESULT_COLUMNS = {
    "record_ids": "jsonb",
    "status": "text",
    "items_synced": "bigint",
    "items_created": "bigint",
    "items_updated": "bigint",
    "items_deleted": "bigint",
    "error_code": "text",
    "error_message": "text",
    "sync_details": "jsonb",
}

_EACH = {
    "postgresql": "jsonb_array_elements_text(v.record_ids) AS one(value)",
    "sqlite": "json_each(v.record_ids) AS one",
}


def finish_records(ends: Iterable[Mapping[str, Any]]) -> int:
    """Writes the ends of unfinished records; those that have ended already stay. Gives how many it wrote.

    An end has what a RecordResult has, as `sync_details` what its column gets, and the `record_ids` that end so.
    """
    assignments = ", ".join(f"{name} = v.{name}" for name in _RESULT_COLUMNS if name != "record_ids")
    open_statuses = ", ".join(f"'{status}'" for status in OPEN_RECORD)
    now = NOW[connection.vendor]
    sql = f"""
        UPDATE sync_instance_records SET {assignments}, completed_at = {now},
            started_at = COALESCE(started_at, {now})
        FROM {json_rows(_RESULT_COLUMNS)}, {_EACH[connection.vendor]}
        WHERE sync_instance_records.id = CAST(one.value AS bigint) AND sync_instance_records.id BETWEEN %s AND %s
            AND CASE WHEN sync_instance_records.status IN ({open_statuses}) THEN true ELSE false END
    """
    rows = list(ends)
    if not rows:
        return 0
    # The stretch of the index and the CASE, as PostgreSQL takes open records for a handful: it would compare each of a
    # large session with each of these.
    ids = [record_id for row in rows for record_id in row["record_ids"]]
    values = json.dumps([[row[name] for name in _RESULT_COLUMNS] for row in rows])
    with connection.cursor() as cursor:
        cursor.execute(sql, [values, min(ids), max(ids)])
        return cursor.rowcount
