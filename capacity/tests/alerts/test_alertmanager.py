"""The life of an alert in a real Alertmanager: it begins there, goes on, and is over."""

import json
import shutil
import subprocess
import time
from datetime import timedelta
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from django.utils import timezone

from capacity.alerts.evaluation import evaluate
from capacity.alerts.outbox import send_pending
from capacity.models import DatabaseState, NotificationChannel
from capacity.tests.factories import make_instance
from capacity.tests.servers import closed_port
from whalefall.tests import needs

from .factories import make_channel, make_rule

pytestmark = [pytest.mark.django_db, pytest.mark.processes]
CONFIG = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"


@pytest.fixture
def alertmanager(tmp_path):
    """Its address; it runs until the test has ended."""
    needs.require("prometheus-alertmanager")
    port = closed_port()
    (tmp_path / "config.yml").write_text(CONFIG)
    command = [
        shutil.which("prometheus-alertmanager"),
        f"--config.file={tmp_path}/config.yml",
        f"--storage.path={tmp_path}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        for _try in range(100):
            try:
                urlopen(f"{url}/-/ready", timeout=5).close()
                break
            except (URLError, ConnectionError):
                time.sleep(0.1)
        yield url
    finally:
        process.kill()
        process.wait()


def active(url):
    """The alerts that it takes for active: (name, severity, instance, database)."""
    with urlopen(f"{url}/api/v2/alerts?active=true", timeout=5) as answer:
        labels = [one["labels"] for one in json.load(answer)]
    return [(one["alertname"], one["severity"], one["instance"], one["database"]) for one in labels]


def test_an_alert_begins_goes_on_and_is_over_there(alertmanager):
    now = timezone.now()
    channel = make_channel("alertmanager", alertmanager)
    make_rule("size_over", channel, name="large", severity="critical", threshold={"bytes": 100})
    state = DatabaseState.objects.create(
        instance=make_instance("pg-1"),
        database_name="orders",
        first_day=now.date(),
        last_day=now.date(),
        last_sample_at=now,
        last_size_bytes=200,
    )
    for day in (0, 1):  # begins, and is told again the next day
        evaluate(now + timedelta(days=day))
        assert send_pending(lambda: now + timedelta(days=5)).sent == 1
        assert active(alertmanager) == [("large", "critical", "pg-1", "orders")]

    DatabaseState.objects.filter(pk=state.pk).update(last_size_bytes=1)
    for day in (2, 3):
        evaluate(now + timedelta(days=day))
    assert send_pending(lambda: now + timedelta(days=5)).sent == 1
    assert active(alertmanager) == []
    assert NotificationChannel.objects.get().last_error == ""
