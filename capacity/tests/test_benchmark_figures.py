"""What of the benchmark needs no database of the tests: options, figures, and forecasts of made-up series."""

import json
import os
import subprocess
import sys

import pytest
from django.core.management import CommandError

from capacity.benchmark.figures import Figures
from capacity.benchmark.measure import Measured
from capacity.tests.benchmarks import benchmark

pytestmark = pytest.mark.unit


def test_the_configured_database_is_not_even_opened(tmp_path, settings):
    absent = tmp_path / "absent.sqlite3"
    command = [sys.executable, "manage.py", "benchmark", "--instances=2", "--databases=2", "--days=5", "--runs=1"]
    subprocess.run(
        [*command, "--scenario=daily"],
        cwd=settings.BASE_DIR,
        env=os.environ | {"DATABASE_URL": f"sqlite:///{absent}"},
        check=True,
        capture_output=True,
    )
    assert not absent.exists()


def test_forecasts_are_not_measured_with_others():
    with pytest.raises(CommandError, match="without the others"):
        benchmark("--scenario", "forecast", "daily")


@pytest.mark.parametrize("option", ["--instances=0", "--days=-1", "--runs=x", "--scenario=weekly"])
def test_options_out_of_range_are_refused(option):
    with pytest.raises(CommandError, match="argument"):
        benchmark(option)


def test_the_ratio_is_that_of_the_medians():
    work, other = Measured([3.0, 1.0, 2.0]), Measured([1.0, 9.0, 1.0])
    assert Figures("daily", work, other, "limit", rows=1, ratio_target=2).ratio == 2


@pytest.mark.parametrize(("count", "p95"), [(1, 1), (20, 19), (21, 20), (100, 95)])
def test_of_so_many_requests_95_percent_took_no_longer(count, p95):
    assert Figures("pages", Measured([float(second) for second in range(count, 0, -1)])).p95 == p95


def test_forecasts_are_measured_against_their_targets_without_a_database():
    report = json.loads(benchmark("--scenario=forecast", "--series=1", "--json"))
    assert len(report["families"]) == 17
    assert report["families"]["steady"]["mae90"] < 2
    assert report["families"]["flat"]["dmed"] is None
    assert report["figures"]["mae90"] == {"value": report["families"]["all"]["mae90"], "target": 7.5}
    assert report["figures"]["false_alarms"]["value"] <= 3
    assert report["figures"]["found-50%"] == {"value": 100, "target": 97}


def test_people_get_a_line_per_family_and_per_figure():
    lines = benchmark("--scenario=forecast", "--series=1").splitlines()
    assert lines[0] == "Forecasts of made-up series, 1 of each family:"
    assert [line.split("  ")[0] for line in lines[2:18]][:2] == ["steady", "saw-tooth"]
    assert lines[-1].startswith("found-50%  100.00  at least 97  reached")
