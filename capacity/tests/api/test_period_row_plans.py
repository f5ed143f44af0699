"""Each list of period rows is read from an index in its order, and stops there: shown by PostgreSQL's plans.

The planner is kept from reading tables, sorting and collecting row numbers first, so what it still does so has no
index in its order. How fast that is with a million rows is no matter for a test.
"""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from capacity.models import Instance

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]

DATABASES = "/api/v1/capacity/aggregations/databases/"
INSTANCES = "/api/v1/capacity/aggregations/instances/"
DAYS = 60
#: The rows of every day, and of every Monday's week, month and quarter as far as they began in those days.
FILL = f"""
    WITH periods AS (
        SELECT kind, start::date AS first, (start + length)::date - 1 AS last
        FROM (VALUES ('daily', '1 day'), ('weekly', '7 days'), ('monthly', '1 month'), ('quarterly', '3 months'))
            AS kinds (kind, step), LATERAL (SELECT step::interval AS length) AS lengths,
            generate_series(timestamp '2024-12-30', timestamp '2024-12-30' + interval '{DAYS} days', length) AS start
    )
    INSERT INTO {{table}} (instance_id, period_type, period_start, period_end, sample_count, covered_days,
        calculated_at, created_at, {{columns}})
    SELECT instances.id, kind, first, last, 1, last - first + 1, now(), now(), {{values}}
    FROM periods, instances, generate_series(1, {{databases}}) AS number ORDER BY first, kind, instances.id, number
"""


@pytest.fixture
def history():
    """Two months of 40 instances with 5 databases each; gives the id of one."""
    for number in range(40):
        Instance.objects.create(name=f"prod-{number}", db_type="mysql" if number % 4 else "postgresql")
    sizes = ", ".join(f"{name}_size_bytes" for name in ("avg", "min", "max"))
    totals = ", ".join(f"{name}_total_size_bytes" for name in ("avg", "min", "max"))
    counts = ", ".join(f"{name}_database_count" for name in ("avg", "min", "max"))
    rows = {
        "database_size_aggregations": (
            f"database_name, {sizes}, size_change_bytes, size_change_percent",
            "'db-' || number || CASE WHEN number > 1 THEN '-' || instances.id ELSE '' END, 7, 7, 7, 1, 1",
            5,
        ),
        "instance_size_aggregations": (
            f"{totals}, {counts}, trend_direction",
            "7, 7, 7, 5, 5, 5, CASE WHEN instances.id % 9 = 0 THEN 'growing' ELSE 'unknown' END",
            1,
        ),
    }
    with connection.cursor() as cursor:
        for table, (columns, values, databases) in rows.items():
            cursor.execute(FILL.format(table=table, columns=columns, values=values, databases=databases))
            cursor.execute(f"ANALYZE {table}")
        cursor.execute(
            "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off"
        )
    return Instance.objects.order_by("id")[20].pk


def nodes(plan):
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def plans_of(client, url):
    """The plan, as a list of its nodes, of each query of period rows that the request makes."""
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(url)
    assert answer.status_code == 200, answer.content
    found = []
    with connection.cursor() as cursor:
        for query in captured.captured_queries:
            if "_aggregations" in query["sql"]:
                cursor.execute(f"EXPLAIN (FORMAT JSON) {query['sql']}")
                [[plan]] = cursor.fetchone()
                found.append(list(nodes((json.loads(plan) if isinstance(plan, str) else plan)["Plan"])))
    return found


def indexes(plan):
    return [node["Index Name"] for node in plan if "Index Name" in node]


#: {query: what the index is named after}; with the few instances and the many days of this history, some queries
#: are served as well by the index of everything.
ORDERED = {
    "": {"newest"},
    "page=100": {"newest"},
    "ordering=period_start": {"newest"},
    "period_start_after=2025-02-20": {"newest"},
    "period_start_before=2025-01-10": {"newest"},
    "period_end_after=2025-02-20": {"newest"},
    "period_end_before=2025-01-10": {"newest"},
    "db_type=mysql": {"newest"},
    "period_type=daily": {"newest", "once"},
    "period_type=daily&db_type=mysql": {"newest", "once"},
    "period_type=quarterly": {"once"},
    "instance={one}": {"instance", "newest"},
    "instance={one}&period_start_after=2025-02-01": {"instance", "newest"},
    "min_covered_days=7": {"covered1"},
    "min_covered_days=28": {"covered7"},
}
OF_DATABASES = {
    "database_name=db-1": {"name", "newest"},
    "database_name=none": {"name"},
    "database_name=db-1&period_type=daily": {"name", "newest", "once"},
}
OF_INSTANCES = {"trend_direction=growing": {"trend"}, "trend_direction=shrinking": {"trend"}}


@pytest.mark.parametrize(("url", "queries"), [(DATABASES, OF_DATABASES), (INSTANCES, OF_INSTANCES)])
def test_a_page_and_its_count_are_read_from_an_index_in_their_order(reader, history, url, queries):
    used, other_nodes = {}, {}
    for query in {**ORDERED, **queries}:
        # Of no rows there is a count alone.
        count, *page = plans_of(reader, f"{url}?{query.format(one=history)}")
        used[query] = {name.rpartition("_")[2] for plan in page or [count] for name in indexes(plan)}
        kinds = {node["Node Type"] for plan in (count, *page) for node in plan}
        if unordered := kinds & {"Seq Scan", "Sort", "Bitmap Heap Scan"}:
            other_nodes[query] = unordered
    assert other_nodes == {}
    assert {query: names for query, names in used.items() if not names <= {**ORDERED, **queries}[query]} == {}


@pytest.mark.parametrize("url", [DATABASES, INSTANCES])
def test_a_figure_reads_the_rows_of_its_period_alone(reader, history, url):
    actions = ["summary/", "top/", "top/?by=growth_percent"]
    for plan in (plan for action in actions for plan in plans_of(reader, f"{url}{action}")):
        [scan] = [node for node in plan if "Relation Name" in node]
        assert scan["Node Type"] in ("Index Scan", "Index Only Scan")
        assert "period_type" in scan["Index Cond"]
        assert "period_start" in scan["Index Cond"]
