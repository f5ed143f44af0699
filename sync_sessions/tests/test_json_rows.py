"""Rows of a statement in one JSON parameter."""

import json

import pytest
from django.db import connection

from sync_sessions.records_sql import json_rows

pytestmark = pytest.mark.django_db

COLUMNS = {"number": "bigint", "name": "varchar(3)", "share": "double precision", "details": "jsonb"}


def read(columns, *rows):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT v.* FROM {json_rows(columns)}", [json.dumps(rows)])
        return cursor.fetchall()


def test_the_values_come_in_the_order_of_the_columns():
    rows = [(2**63 - 1, "ab", 0.1, {"a": [1]}), (-(2**63), "", 1e-9, {}), (None, None, None, None)]
    assert [(*row, details and json.loads(details)) for *row, details in read(COLUMNS, *rows)] == rows


def test_what_is_too_long_for_its_column_is_not_cut_off():
    assert read({"name": "varchar(3)"}, ("abcdef",)) == [("abcdef",)]
