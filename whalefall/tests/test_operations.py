"""/healthz, /readyz and /metrics, as load balancers and Prometheus ask for them."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from capacity.tests.factories import make_instance
from capacity.tests.samples import add_day, make_fleet, mark, run, the
from capacity.tests.servers import closed_port, serving
from sync_sessions import life
from sync_sessions.choices import Service
from sync_sessions.models import SignOfLife, SyncSession
from sync_sessions.services import sync_session_service
from whalefall.tests.brokers import redis_database

PREFIX = "whalefall_"


@pytest.fixture
def scrape(client):
    """{name: {labels as text: value}} of what Prometheus reads."""

    def get():
        answer = client.get("/metrics")
        assert answer.status_code == 200
        families = text_string_to_metric_families(answer.content.decode())
        found = {}
        for family in families:
            assert family.name.startswith(PREFIX) and family.type in ("gauge", "counter") and family.documentation
            found[family.name.removeprefix(PREFIX)] = {
                " ".join(sample.labels.values()): sample.value for sample in family.samples
            }
        return found

    return get


@pytest.fixture
def no_table():
    """A database that answers, but has not been migrated."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE django_migrations RENAME TO elsewhere")
    yield
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE elsewhere RENAME TO django_migrations")


def ready(client):
    answer = client.get("/readyz")
    return answer.status_code, answer.json()


def test_healthz_answers_without_a_database(client):
    answer = client.get("/healthz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_without_a_broker_the_database_is_all_that_readyz_asks(client):
    assert ready(client) == (200, {"status": "ok", "database": "ok"})


@pytest.mark.django_db
def test_with_a_broker_readyz_asks_it_too(client, settings):
    with redis_database() as settings.CELERY_BROKER_URL:
        life.give_sign(Service.WORKER)
        life.give_sign(Service.BEAT)
        answer = ready(client)

    services = {"database": "ok", "broker": "ok", "worker": "ok", "beat": "ok"}
    assert answer == (200, {"status": "ok", **services})


@pytest.mark.django_db
def test_a_silent_worker_and_a_beat_that_never_ran_are_said_and_the_site_stays_ready(client, settings, scrape):
    life.give_sign(Service.WORKER)
    SignOfLife.objects.update(seen_at=Now() - timedelta(seconds=120))
    with redis_database() as settings.CELERY_BROKER_URL:
        status, said = ready(client)
        metrics = scrape()

    assert (status, said["status"], said["beat"]) == (200, "ok", "no sign of life, ever")
    assert re.fullmatch(r"no sign of life for 12\d s", said["worker"])
    assert metrics["service_up"] == {"worker": 0, "beat": 0}
    assert list(metrics["service_sign_age_seconds"]) == ["worker"]
    assert 120 <= metrics["service_sign_age_seconds"]["worker"] < 130


@pytest.mark.django_db
def test_a_broker_that_is_down_is_a_503_that_names_it_and_says_why_in_the_log_alone(client, settings):
    settings.CELERY_BROKER_URL = f"redis://:hunter2@127.0.0.1:{closed_port()}/0"

    with capture_logs() as logs:
        answer = ready(client)

    assert (answer[0], answer[1]["database"], answer[1]["broker"]) == (503, "ok", "no answer")
    assert answer[1]["status"] == "not ready"
    [line] = logs
    assert (line["log_level"], line["event"], line["service"]) == ("error", "readyz.no_answer", "broker")
    assert "refused" in line["error"] and "hunter2" not in line["error"]


@pytest.mark.django_db
def test_a_broker_that_hangs_up_is_asked_once(client, settings):
    came = []
    with serving(came.append) as port:
        settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{port}/0"
        assert ready(client)[0] == 503

    assert len(came) == 1


@pytest.mark.django_db(transaction=True)
def test_a_database_without_its_tables_is_a_503(client, no_table):
    with capture_logs() as logs:
        answer = ready(client)

    assert answer == (503, {"status": "not ready", "database": "no answer"})
    assert "django_migrations" in logs[0]["error"]


@pytest.mark.django_db
def test_an_empty_database_has_metrics_too(scrape):
    assert scrape() == {
        "last_run_status": {},
        "last_run_age_seconds": {},
        "last_run_timestamp_seconds": {},
        "last_run_duration_seconds": {},
        "last_run_processed_instances": {},
        "last_run_skipped_instances": {},
        "last_run_failed_instances": {},
        "open_sessions": {"pending": 0, "running": 0},
        "service_up": {},
        "service_sign_age_seconds": {},
        "service_sign_timestamp_seconds": {},
        "stale_periods": {"": 0},
        "stale_periods_too_old": {"": 0},
        "active_instances": {"": 0},
        "fleet_bytes": {"": 0},
        "alerts_open": {"critical": 0, "info": 0, "warning": 0},
        "notifications_failed": {"": 0},
        **{
            f"instance_{name}": {}
            for name in (
                "size_bytes",
                "databases",
                "last_sample_timestamp_seconds",
                "days_until_full",
                "growth_bytes",
                "forecast_state",
            )
        },
    }


@pytest.mark.django_db
def test_the_metrics_tell_of_the_fleet(scrape, time_machine):
    time_machine.move_to("2025-06-29T22:00:00Z", tick=False)  # six in the morning of 30 June in Shanghai
    first, second = make_instance(), make_instance()
    add_day(first, "2025-06-29", 10)  # at three in the morning
    add_day(second, "2025-06-30", 2**53)
    mark(first, the("daily", "2025-06-29"))
    sync_session_service.create_session(sync_type="manual_task", sync_category="other", lock_key="x", status="pending")

    found = scrape()

    assert found["last_sample_age_seconds"] == {"": 3 * 3600}
    at = datetime(2025, 6, 29, 19, tzinfo=UTC).timestamp()  # three in the morning of 30 June in Shanghai
    assert found["last_sample_timestamp_seconds"] == {"": at}
    assert found["fleet_bytes"] == {"": 2**53 + 10}
    assert (found["active_instances"], found["stale_periods"]) == ({"": 2}, {"": 1})
    assert found["open_sessions"] == {"pending": 1, "running": 0}


@pytest.mark.django_db
def test_the_metrics_tell_of_the_last_runs(scrape):
    fleet = make_fleet(2, "2025-06-29")
    make_instance("idle")
    run(the("daily", "2025-06-29"))
    collection = sync_session_service.create_session(
        sync_type="scheduled_task",
        sync_category="capacity",
        lock_key="capacity:collection",
        instances=[(fleet[0].pk, "x")],
    )
    sync_session_service.fail_session(collection, "x", "y")
    ended = SyncSession.objects.get(lock_key="aggregation:daily").completed_at
    SyncSession.objects.filter(pk=collection.pk).update(started_at=ended, completed_at=ended)

    found = scrape()

    assert found["last_run_status"] == {
        "daily completed": 1,
        "daily failed": 0,
        "daily cancelled": 0,
        "collection completed": 0,
        "collection failed": 1,
        "collection cancelled": 0,
    }
    assert found["last_run_processed_instances"] == {"daily": 2, "collection": 0}
    assert found["last_run_skipped_instances"] == {"daily": 1, "collection": 0}
    assert found["last_run_failed_instances"] == {"daily": 0, "collection": 1}
    assert found["last_run_duration_seconds"]["collection"] == 0
    assert set(found["last_run_age_seconds"]) == {"daily", "collection"}
    assert found["last_run_duration_seconds"]["daily"] >= 0


@pytest.mark.django_db
def test_a_scrape_costs_the_same_queries_whatever_the_fleet(scrape):
    costs = []
    for day in ("2025-06-28", "2025-06-29"):
        with CaptureQueriesContext(connection) as captured:
            scrape()
        costs.append(len(captured))
        for one in make_fleet(30, day) if day == "2025-06-28" else ():
            mark(one, the("weekly", day))
        run(the("daily", day))

    assert costs == [10, 10]


@pytest.mark.django_db
@pytest.mark.parametrize("given", [None, "Bearer wrong", "Bearer ", "secret", "Bearer sécret"])
def test_with_a_token_metrics_are_refused_without_it(client, settings, given):
    settings.WHALEFALL_METRICS_TOKEN = "secret"

    answer = client.get("/metrics", headers={"Authorization": given} if given else {})

    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    assert answer.content == b"Send the header Authorization: Bearer TOKEN.\n"


@pytest.mark.django_db
def test_with_the_token_they_are_shown(client, settings):
    settings.WHALEFALL_METRICS_TOKEN = "secret"

    answer = client.get("/metrics", headers={"Authorization": "Bearer secret"})

    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain")


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_whoever_watches_a_process_asks_over_plain_http(client, settings, path):
    settings.SECURE_SSL_REDIRECT = True

    assert client.get(path).status_code == 200
    assert client.get("/admin/").status_code == 301
