"""The gauges of each instance, the rules that are made for them, and a real Prometheus that reads them."""

import json
import shutil
import subprocess
import time
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from django.conf import settings as project
from prometheus_client.parser import text_string_to_metric_families

from capacity.models import Forecast
from capacity.tests.factories import make_instance
from capacity.tests.samples import add_day
from capacity.tests.servers import closed_port

from . import needs

RULES = Path(project.BASE_DIR) / "deploy" / "prometheus-rules.yml"


@pytest.fixture
def told(client):
    """{(metric, labels but db_type ...): value} of the gauges of instances"""

    def scrape():
        found = {}
        for family in text_string_to_metric_families(client.get("/metrics").content.decode()):
            name = family.name.removeprefix("whalefall_instance_")
            if name != family.name:
                for sample in family.samples:
                    assert sample.labels.pop("db_type") == "postgresql"
                    found[(name, *sample.labels.values())] = sample.value
        return found

    return scrape


def expect(instance, state, on=None):
    today = date(2025, 6, 29)
    Forecast.objects.create(
        instance=instance,
        level="instance",
        week=date(2025, 6, 23),
        made_on=today,
        calculated_at=datetime(2025, 6, 29, tzinfo=UTC),
        state=state,
        confidence="high",
        days_covered=100,
        level_bytes=1,
        weekly_bytes=1,
        spread_bytes=1,
        headroom_bytes=0,
        expected_on=on,
    )


@pytest.mark.django_db
def test_each_active_instance_tells_its_size_growth_state_and_when_it_is_full(told, time_machine):
    time_machine.move_to("2025-06-29T22:00:00Z", tick=False)  # six in the morning of 30 June in Shanghai
    grows, full, passed, off = (make_instance(name) for name in ("grows", "full", "passed", "off"))
    make_instance("empty")
    for day, size in (("2025-05-30", 10), ("2025-06-22", 15), ("2025-06-29", 20)):
        add_day(grows, day, size)
    add_day(off, "2025-06-29", 5)
    type(off).objects.filter(pk=off.pk).update(is_active=False)
    expect(grows, "date", date(2025, 7, 10))
    expect(passed, "date", date(2025, 6, 29))
    expect(full, "over")
    assert told() == {
        ("size_bytes", "grows"): 20,
        ("databases", "grows"): 1,
        ("growth_bytes", "grows", "week"): 5,
        ("growth_bytes", "grows", "month"): 10,
        ("last_sample_timestamp_seconds", "grows"): datetime(2025, 6, 28, 19, tzinfo=UTC).timestamp(),
        ("days_until_full", "grows"): 10,
        ("days_until_full", "passed"): 0,
        ("days_until_full", "full"): 0,
        ("forecast_state", "grows", "date"): 1,
        ("forecast_state", "passed", "date"): 1,
        ("forecast_state", "full", "over"): 1,
    }


@pytest.mark.unit
def test_the_rules_are_what_prometheus_understands_and_name_metrics_that_there_are(client):
    needs.require("promtool")
    checked = subprocess.run(["promtool", "check", "rules", RULES], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stderr
    assert "7 rules found" in checked.stdout


CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs:
  - job_name: whalefall
    authorization: {{credentials: secret}}
    static_configs: [{{targets: ["{target}"]}}]
"""


@pytest.fixture
def prometheus(tmp_path, live_server, settings):
    """A real one that reads this site with its token; asks it a query and gives {labels but its own: value}."""
    needs.require("prometheus")
    settings.WHALEFALL_METRICS_TOKEN = "secret"
    port = closed_port()
    config = tmp_path / "prometheus.yml"
    config.write_text(CONFIG.format(rules=RULES, target=live_server.url.removeprefix("http://")))
    options = {
        "config.file": config,
        "storage.tsdb.path": tmp_path / "data",
        "web.listen-address": f"127.0.0.1:{port}",
    }
    command = [shutil.which("prometheus"), *(f"--{name}={value}" for name, value in options.items())]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)

    def ask(query, seconds=30):
        for _second in range(seconds):
            try:
                with urlopen(f"http://127.0.0.1:{port}/api/v1/query?query={query}", timeout=5) as answer:
                    found = json.load(answer)["data"]["result"]
            except (URLError, ConnectionError):
                found = []
            if found:
                return {one["metric"].get("name", ""): float(one["value"][1]) for one in found}
            time.sleep(1)
        raise AssertionError((tmp_path / "log").read_text()[-2000:])

    yield ask
    process.terminate()
    process.wait(timeout=30)


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_a_real_prometheus_reads_them_with_the_token_and_its_rules_fire(prometheus):
    add_day(make_instance("one"), "2025-06-29", 2**40)
    assert prometheus("whalefall_instance_size_bytes") == {"one": 2**40}
    assert prometheus('ALERTS{alertname="WhaleFallInstanceNotMeasured"}') == {"one": 1}
