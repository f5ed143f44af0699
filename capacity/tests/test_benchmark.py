import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from django.core.management import CommandError
from django.db import connection

from capacity.benchmark import figures, import_limit, imports, limit, pages, rollups, scratch
from capacity.benchmark.filling import execute, fill
from capacity.benchmark.fleet import TODAY, Fleet
from capacity.benchmark.measure import Measured
from capacity.benchmark.scratch import scratch_database
from capacity.models import CapacityState, DatabaseSizeStat, Instance, InstanceSizeStat
from capacity.tests.benchmarks import benchmark
from capacity.tests.factories import make_instance
from sync_sessions.models import SyncSession
from whalefall.tests.faults.stack import database_url, wait_until
from whalefall.tests.starts import ROOT

pytestmark = pytest.mark.django_db


def scratch_databases(pid=None):
    """Those that a process has made, this one if none is named."""
    name = f"whalefall_bench_{pid or os.getpid()}"
    if connection.vendor == "sqlite":
        return [path.name for path in Path(tempfile.gettempdir()).glob(f"{name}*")]
    with connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE datname = %s", [name])
        return [row[0] for row in cursor.fetchall()]


@pytest.fixture(autouse=True)
def _migrated_once(request, django_db_setup, monkeypatch):
    """Scratch databases are copies of the migrated one, as migrating takes seconds; but those of a test of the real
    thing."""
    if "real_scratch" not in request.fixturenames:
        monkeypatch.setattr(scratch, "make", lambda made: django_db_setup(made.settings_dict["NAME"]))


@pytest.fixture
def real_scratch():
    """Scratch databases are migrated as for an operator."""


@pytest.fixture
def tampered_limit(monkeypatch):
    """Makes the limit do one statement more after it has written a period."""

    def arrange(sql):
        real = limit.write_period

        def write(period):
            real(period)
            execute(sql)

        monkeypatch.setattr(rollups, "write_period", write)

    return arrange


@pytest.mark.processes  # gunicorn serves the pages
def test_every_scenario_is_measured_with_its_target():
    report = json.loads(benchmark("--json"))
    shown = [(one["scenario"], one["rows"], one["other_name"], one["ratio_target"]) for one in report["scenarios"]]
    postgresql = connection.vendor == "postgresql"
    scheduled, day = [("scheduled", 4 * (4 + 2), "limit", target) for target in (1.15, 0.75)], (4 + 2, "limit", 2)
    assert shown == [
        *(scheduled if postgresql else scheduled[:1]),
        ("daily", *day),
        ("poison", 4 * (2 + 1), "undisturbed run", 2),
        ("push", 5000, "", None),
        ("push", 1, "", None),
        ("wide", 4 * (20 + 20), "limit", 1.2),
        *[("pages", 0, "", None)] * 11,
        ("hourly", 4 * (2 + 1), "measured daily", 1.2),
        ("history", 2 + 1, "8 days", 1.3),
        ("import", 40, "limit", 1.5 if postgresql else 2.5),
    ]
    for one in report["scenarios"]:
        assert len(one["work"]["seconds"]) == (2 if one["scenario"] == "pages" else 1)
        assert one["work"]["peak_mb"] > 10
        if one["other"]:
            assert one["work"]["statements"] > 5
            assert one["ratio"] == pytest.approx(one["work"]["seconds"][0] / one["other"]["seconds"][0])
    targets = {one["note"]: one["seconds_target"] for one in report["scenarios"] if one["scenario"] == "pages"}
    assert (targets["/admin/"], targets["/admin/capacity/instance/"], targets["/api/v1/instances/"]) == (
        0.3,
        0.2,
        0.05,
    )


def test_people_get_tables_with_the_targets():
    lines = benchmark("--scenario=poison").splitlines()
    assert lines[1].startswith("32 samples of 2 instances made in ")
    assert [line.split("  ")[0] for line in lines[3:]] == ["Scenario", "poison", "Of one run:", "Scenario", "poison"]
    assert lines[4].startswith("poison  1 of 2 instances done in every period  ")
    assert lines[4].endswith("  at most 2")


def test_the_configured_database_is_not_touched():
    make_instance("ours")
    before = connection.connection
    benchmark("--scenario=daily")
    assert connection.connection is before
    assert list(Instance.objects.values_list("name", flat=True)) == ["ours"]
    assert not DatabaseSizeStat.objects.exists()
    assert not CapacityState.objects.exists()
    assert not SyncSession.objects.exists()


def test_nothing_is_left_of_the_scratch_database(real_scratch):
    with scratch_database():
        inside = connection.settings_dict["NAME"]
        assert "whalefall_bench_" in inside
        assert not Instance.objects.exists()
    assert connection.settings_dict["NAME"] != inside
    assert scratch_databases() == []


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_nothing_is_left_of_the_scratch_database_after_an_error(error):
    with pytest.raises(error), scratch_database():
        Instance.objects.create(name="half done", db_type="mysql")
        raise error
    assert not Instance.objects.exists()
    assert scratch_databases() == []


@pytest.mark.processes
def test_nothing_is_left_of_the_scratch_database_of_a_process_that_is_told_to_end():
    absent = "sqlite:///absent.sqlite3"  # it is not opened
    database = {"DATABASE_URL": database_url() if connection.vendor == "postgresql" else absent}
    process = subprocess.Popen(
        [sys.executable, "manage.py", "benchmark", "--scenario=daily"],
        cwd=ROOT,
        env=os.environ | database,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: scratch_databases(process.pid), what="the scratch database")
    process.terminate()
    _out, told = process.communicate(timeout=60)
    assert "Stopped; the database made for the benchmark has been dropped." in told
    assert scratch_databases(process.pid) == []


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE database_size_aggregations SET covered_days = covered_days + 1 WHERE instance_id = 2",
        "UPDATE database_size_aggregations SET log_size_change_percent = 0.01 WHERE instance_id = 2",
        "UPDATE instance_size_aggregations SET trend_direction = 'unknown' WHERE instance_id = 2",
        "DELETE FROM instance_size_aggregations WHERE instance_id = 2",
        "DELETE FROM database_size_aggregations WHERE instance_id = 2",
    ],
)
def test_a_difference_between_the_rows_of_the_work_and_of_the_limit_stops_it(tampered_limit, sql):
    tampered_limit(sql)
    with pytest.raises(CommandError, match="were written like this by the work alone"):
        benchmark("--scenario=daily")
    assert scratch_databases() == []


def test_a_row_that_the_limit_alone_has_stops_it(tampered_limit):
    tampered_limit(
        "INSERT INTO instance_size_aggregations (instance_id, period_type, period_start, period_end, sample_count, "
        "covered_days, avg_total_size_bytes, min_total_size_bytes, max_total_size_bytes, avg_database_count, "
        "min_database_count, max_database_count, trend_direction, calculated_at, created_at) "
        "VALUES (1, 'daily', '2020-01-01', '2020-01-01', 1, 1, 1, 1, 1, 1, 1, 1, 'unknown', CURRENT_TIMESTAMP, "
        "CURRENT_TIMESTAMP)"
    )
    with pytest.raises(CommandError, match="1 rows of instance_size_aggregations .* by the limit alone"):
        benchmark("--scenario=daily")


def test_a_difference_between_what_an_import_and_its_limit_stored_stops_it(monkeypatch):
    real = import_limit.write_file

    def write(path):
        real(path)
        execute("UPDATE database_day_stats SET last_log_size_bytes = 1 WHERE instance_id = 1")

    monkeypatch.setattr(imports, "write_file", write)
    with pytest.raises(CommandError, match="20 rows of database_day_stats were written like this by the work alone"):
        benchmark("--scenario=import")


@pytest.mark.processes
def test_a_page_that_cannot_be_shown_stops_it(monkeypatch):
    monkeypatch.setattr(pages, "KINDS", (pages.Kind(1, ("admin:login",)),))
    with pytest.raises(CommandError, match="/admin/login/ answers 302"):
        benchmark("--scenario=pages")
    assert scratch_databases() == []


def test_a_run_that_does_not_do_all_instances_stops_it(poison_one):
    with pytest.raises(CommandError, match="was to fail for 0 instances, but: 1 of 2 instances"):
        benchmark("--scenario=daily")
    assert scratch_databases() == []


@pytest.fixture
def poison_one(monkeypatch):
    """The fleet comes with an instance whose sums overflow."""

    def fill_and_poison(fleet):
        fill(fleet)
        rollups.poison(fleet)

    monkeypatch.setattr(figures, "fill", fill_and_poison)


def test_the_fleet_is_the_same_every_time():
    with scratch_database():
        fill(Fleet(instances=4, databases=3, days=10, samples_per_day=2))
        of_one = DatabaseSizeStat.objects.filter(instance__name="bench-2", database_name="database_2")
        newest = of_one.order_by("collected_at").values_list("size_bytes", "data_size_bytes", "log_size_bytes")
        assert of_one.count() == 20
        assert list(newest)[-1] == (104_763_153_494, 73_334_207_443, 31_428_946_051)
        assert set(of_one.filter(collected_on=TODAY).values_list("collected_at__hour", flat=True)) == {3, 12}


def test_a_day_row_is_the_sum_of_the_last_samples_of_its_day():
    with scratch_database():
        fill(Fleet(instances=1, databases=3, days=2, samples_per_day=2))
        last = DatabaseSizeStat.objects.filter(collected_on=TODAY, collected_at__hour=12)
        day = InstanceSizeStat.objects.get(collected_on=TODAY)
        assert day.total_size_bytes == sum(last.values_list("size_bytes", flat=True))
        assert (day.database_count, day.collected_at) == (3, last[0].collected_at)


def test_debug_does_not_slow_the_work(settings):
    settings.DEBUG = True
    Measured().run(Instance.objects.count)
    assert settings.DEBUG
    assert len(connection.queries_log) == 0
