"""Sizes and history from a real Prometheus, with the exporters of PostgreSQL, MariaDB and the machine."""

from datetime import UTC, date, datetime, timedelta
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command

from capacity.collection.service import CollectionService
from capacity.collection.sources.prometheus.history import Segment, at_the_end, segments
from capacity.collection.sources.prometheus.ready import add_ready
from capacity.models import CapacityLimit, DatabaseSizeStat, DbType, InstanceSizeStat, StalePeriod
from capacity.tests.factories import make_instance
from capacity.tests.servers import HOST, POSTGRESQL_PORT, closed_port, postgresql
from sync_sessions.models import SyncInstanceRecord

from .prometheus import answering, dripping, make_mapping, make_source, prometheus, vector

SHANGHAI = ZoneInfo("Asia/Shanghai")
#: Days of the history that the Prometheus of these tests has of "old-pg": the last one is yesterday.
DAYS = 400


def history(today):
    """A sample every 6 hours of `erp`, which grows by 1 MB a day and has a gap of a day 10 days ago."""
    lines = ["# TYPE pg_database_size_bytes gauge"]
    for back in range(DAYS, 0, -1):
        midnight = datetime.combine(today - timedelta(back), datetime.min.time(), SHANGHAI)
        for hour in () if back == 10 else (5, 11, 17, 23):
            size = (DAYS - back) * 1_000_000 + hour
            at = int(midnight.timestamp()) + hour * 3600
            lines.append(f'pg_database_size_bytes{{instance="old-pg",datname="erp"}} {size} {at}')
    return "\n".join([*lines, "# EOF\n"])


@pytest.fixture(scope="module")
def today():
    return datetime.now(SHANGHAI).date()


@pytest.fixture(scope="module")
def url(tmp_path_factory, today, my):
    with prometheus(tmp_path_factory.mktemp("prometheus"), history(today)) as url:
        yield url


def records():
    rows = SyncInstanceRecord.objects.order_by("instance_name")
    return list(rows.values_list("instance_name", "status", "error_code"))


def backfilled(*arguments):
    out = StringIO()
    call_command("backfill_prometheus", *map(str, arguments), stdout=out)
    return out.getvalue().splitlines()


@pytest.mark.live
@pytest.mark.django_db
def test_instances_of_a_prometheus_are_collected_beside_the_others_in_one_session(url, my):
    add_ready(make_source(url), ["postgres", "mysqld", "node_postgresql"])
    by_address = make_instance("by address", host=HOST, port=POSTGRESQL_PORT)
    make_instance("maria", db_type=DbType.MYSQL)
    make_instance("live", host=HOST, port=POSTGRESQL_PORT, username="postgres")
    make_instance("pushed")
    make_instance("down", host=HOST, port=closed_port(), username="x")

    result = CollectionService().collect()

    assert records() == [
        ("by address", "completed", ""),
        ("down", "failed", "refused"),
        ("live", "completed", ""),
        ("maria", "completed", ""),
        ("pushed", "skipped", "not_in_prometheus"),
    ]
    assert result.message == "3 of 5 instances collected, 1 failed, 1 skipped."
    [(expected,)] = postgresql("SELECT pg_database_size('postgres')")
    size = DatabaseSizeStat.objects.get(instance=by_address, database_name="postgres").size_bytes
    assert abs(size - expected) < 1_000_000  # it may have grown since the scrape
    of_maria = DatabaseSizeStat.objects.filter(instance__name="maria").values_list("database_name", flat=True)
    assert my["full"] in of_maria
    assert not DatabaseSizeStat.objects.filter(database_name__in=["template0", "template1", "mysql"]).exists()
    assert InstanceSizeStat.objects.count() == 3
    disks = CapacityLimit.objects.filter(source="volume", database_name="postgres")
    assert {limit.instance.name for limit in disks} == {"by address", "live"}
    assert {limit.shared_key for limit in disks} == {f"{HOST} /"}


@pytest.mark.live
@pytest.mark.django_db
def test_the_days_that_it_knows_are_stored_each_at_its_end_and_once(url, today):
    old = make_instance("old-pg")
    make_mapping(make_source(url))

    first = backfilled("prom", "--from", today - timedelta(DAYS + 5), "--to", today - timedelta(1))
    marks = StalePeriod.objects.count()
    StalePeriod.objects.all().delete()
    again = backfilled("prom", "--from", today - timedelta(DAYS + 5), "--to", today - timedelta(1))

    stored = list(
        DatabaseSizeStat.objects.filter(instance=old)
        .order_by("collected_at")
        .values_list("database_name", "size_bytes", "collected_on", "collected_at")
    )
    assert stored == [
        ("erp", (DAYS - back) * 1_000_000 + 23, day, datetime(day.year, day.month, day.day, 15, 59, 59, tzinfo=UTC))
        for back in range(DAYS, 0, -1)
        if back != 10 and (day := today - timedelta(back))
    ]
    assert marks
    assert first[-2] == f"Days: {DAYS + 5}. Samples: {DAYS - 1} new, 0 replaced, 0 there already."
    assert again[-1] == f"Days: {DAYS + 5}. Samples: 0 new, 0 replaced, {DAYS - 1} there already."
    assert not StalePeriod.objects.exists()


@pytest.mark.unit
def test_a_day_of_a_changed_clock_stands_alone_between_the_others():
    zone = ZoneInfo("Europe/Berlin")

    def end(day, hour):
        return int(datetime(2025, 3, day, hour, tzinfo=UTC).timestamp())

    assert segments(date(2025, 3, 28), date(2025, 4, 1), zone) == [
        Segment(end(28, 23), 2),
        Segment(end(30, 22), 1, 23 * 3600),
        Segment(end(31, 22), 2),
    ]


@pytest.mark.unit
@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("x", "last_over_time(x[86399s])"),
        ('x{a="}",b!~"c|d"}', 'last_over_time(x{a="}",b!~"c|d"}[86399s])'),
        ("sum by (a) (x)", "last_over_time((sum by (a) (x)\n)[86399s:5m])"),
        ("x or y", "last_over_time((x or y\n)[86399s:5m])"),
    ],
)
def test_the_last_value_of_a_day_is_asked_for_whatever_the_query(query, asked):
    assert at_the_end(query, 86400) == asked


@pytest.mark.django_db
def test_a_request_that_is_too_much_is_asked_for_again_in_smaller_ones(today):
    make_instance("pg")
    much = {"status": "error", "errorType": "execution", "error": "query processing would load too many samples"}
    none = {"status": "success", "data": {"resultType": "matrix", "result": []}}
    with answering(none, much, none) as (url, asked):
        make_mapping(make_source(url))
        out = backfilled("prom", "--from", "2025-01-01", "--to", "2025-01-10")
    assert out[-1] == "Days: 10. Samples: 0 new, 0 replaced, 0 there already."
    assert len(asked) == 2 + 3  # 1 day, 8 in vain, then 4, 4 and 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("first", "last", "sentence"),
    [
        ("2025-01-02", "2025-01-01", "The first day is after the last one."),
        ("2025-01-02", "2999-01-01", "The last day must be over"),
    ],
)
def test_days_that_cannot_be_had_are_a_sentence(first, last, sentence):
    make_mapping(make_source("http://127.0.0.1:1"))
    with pytest.raises(CommandError, match=sentence):
        backfilled("prom", "--from", first, "--to", last)


BAD_QUERY = {"status": "error", "errorType": "bad_data", "error": "parse error of s3cret"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "status", "code", "sentence"),
    [
        (BAD_QUERY, "400 Bad Request", "prometheus_query", "prom does not understand the query: parse error of ****"),
        (b"<html>", "200 OK", "connection_failed", "does not answer like a Prometheus (HTTP 200)"),
        ({"status": "success", "data": 1}, "200 OK", "connection_failed", "does not answer like a Prometheus"),
        (b"[" * 100_000, "200 OK", "connection_failed", "does not answer like a Prometheus"),
        (b"", "401 Unauthorized", "wrong_password", "lets nobody in with this login (HTTP 401)"),
        (b"", "302 Found", "connection_failed", "sends on to another address (HTTP 302)"),
        (b" " * 9_000_000, "200 OK", "answer_too_long", "answers with more than 8 MiB"),
        (vector(), "200 OK", "not_in_prometheus", "No series of a Prometheus is about the instance"),
        (vector({"instance": "pg", "datname": "erp"}, value="NaN"), "200 OK", "nothing_sized", "no size of it"),
    ],
)
def test_what_it_answers_badly_is_a_sentence_in_the_record(body, status, code, sentence):
    make_instance("pg")
    with answering(body, status=status) as (url, _asked):
        make_mapping(make_source(url, auth="bearer", secret="s3cret"))
        CollectionService().collect()
    record = SyncInstanceRecord.objects.get()
    assert record.error_code == code
    assert sentence in record.error_message
    assert "s3cret" not in record.error_message


@pytest.mark.django_db
def test_a_token_that_no_header_takes_fails_its_instances_alone():
    make_instance("pg")
    with answering(vector()) as (url, _asked):
        make_mapping(make_source(url, auth="bearer", secret="two\nlines"))
        CollectionService().collect()
    assert records() == [("pg", "failed", "wrong_password")]


@pytest.mark.django_db
def test_data_and_log_make_the_size_and_a_limit_stays_when_its_query_fails():
    one = make_instance("ms", db_type=DbType.SQLSERVER)
    labels = {"instance": "ms", "database": "erp"}
    answers = [vector(labels, value="100"), vector(labels, value="7"), vector({"instance": "ms"}, value="1000")]
    with answering(*answers, *answers[:2], BAD_QUERY) as (url, _asked):
        source = make_source(url)
        fields = {"source": source, "db_type": DbType.SQLSERVER, "database_label": "database"}
        make_mapping(**fields, name="1", kind="data", factor=1024)
        make_mapping(**fields, name="2", kind="log")
        make_mapping(**{**fields, "database_label": ""}, name="3", kind="available")
        for _number in range(2):
            CollectionService().collect()
    sizes = DatabaseSizeStat.objects.values_list("size_bytes", "data_size_bytes", "log_size_bytes")
    assert set(sizes) == {(102_407, 102_400, 7)}
    assert list(CapacityLimit.objects.values_list("instance", "database_name", "limit_bytes", "shared_key")) == [
        (one.pk, "erp", 103_407, "ms")
    ]
    assert "does not understand the query" in SyncInstanceRecord.objects.order_by("-pk")[0].sync_details["notes"][-1]


@pytest.mark.django_db
def test_a_server_that_says_a_byte_now_and_then_is_hung_up(settings):
    settings.WHALEFALL_COLLECT_TIMEOUT = 1
    make_instance("pg")
    with dripping() as url:
        make_mapping(make_source(url))
        CollectionService().collect()
    assert SyncInstanceRecord.objects.get().error_message.endswith("gives no answer: no whole answer in time")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "header"),
    [
        ({"auth": "bearer", "secret": "s3cret"}, "Authorization: Bearer s3cret"),
        ({"auth": "basic", "username": "me", "secret": "s3cret"}, "Authorization: Basic bWU6czNjcmV0"),
        ({"tenant": "team-a"}, "X-Scope-OrgID: team-a"),
        ({"tenant": "a", "tenant_header": "THANOS-TENANT"}, "THANOS-TENANT: a"),
    ],
)
def test_login_tenant_and_path_are_those_of_the_source(fields, header):
    make_instance("pg")
    with answering(vector({"instance": "pg", "datname": "erp"})) as (url, asked):
        make_mapping(make_source(f"{url}/select/0/prometheus/", **fields), factor=1024)
        CollectionService().collect()
    assert asked[0].startswith("POST /select/0/prometheus/api/v1/query HTTP/1.1\r\n")
    assert header in asked[0]
    assert list(DatabaseSizeStat.objects.values_list("database_name", "size_bytes")) == [("erp", 102_400)]
