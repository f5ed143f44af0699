""" "Run now" of what looks at those that are due: one of them is the fleet's run, and none has a reason."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from capacity.collection.ingest import Sample, ingest
from capacity.models import Tag
from capacity.periods import today
from capacity.tasks import collect_capacity_batch, refresh_insight, snapshot_tables
from capacity.tests.events import an_event
from capacity.tests.factories import make_instance
from capacity.tests.schedules import schedule_url, the
from sync_sessions.models import SyncSession

from .staff import session_page, told

pytestmark = pytest.mark.django_db

SESSIONS = reverse("admin:sync_sessions_syncsession_changelist")


@pytest.mark.parametrize("name", ["aggregate weekly", "forecasts", "largest tables"])
def test_one_instance_that_is_due_is_run_for_the_fleet(admin_client, queued, name):
    instance = make_instance(host="db", username="u")
    ingest([Sample(instance.pk, "sales", timezone.now() - timedelta(days=7), 100)])
    an_event(instance, "sales", today())
    admin_client.post(schedule_url(the(name), "run_now"))
    assert SyncSession.objects.get().selected is None
    assert "Manual, the fleet" in admin_client.get(SESSIONS).content.decode()


@pytest.mark.parametrize(
    ("name", "work", "reason"),
    [
        ("collect", collect_capacity_batch, "No instance to collect: add an active one that has a host."),
        ("forecasts", refresh_insight, "No day row changed since the last forecasts."),
        (
            "largest tables",
            snapshot_tables,
            "No database with a login has jumped, dropped or appeared since its tables were measured.",
        ),
    ],
)
def test_of_a_fleet_that_has_nothing_to_do_it_says_why_by_a_worker_or_not(
    admin_client, queued, settings, name, work, reason
):
    make_instance()
    admin_client.post(schedule_url(the(name), "run_now"))
    for message in queued:
        work(*message[1:])
    page = admin_client.get(session_page(SyncSession.objects.get())).content.decode()
    assert reason in page and "no active instance" not in page

    settings.CELERY_BROKER_URL = ""
    [(_level, text)] = told(admin_client.post(schedule_url(the(name), "run_now")))
    assert reason in text


def test_a_run_of_tags_that_found_no_instance_names_them(admin_client):
    make_instance()
    Tag.objects.create(name="prod")
    PeriodicTask.objects.filter(name="WhaleFall: collect").update(kwargs='{"tags": ["prod"]}')
    admin_client.post(schedule_url(the("collect"), "run_now"))
    page = admin_client.get(session_page(SyncSession.objects.get())).content.decode()
    assert "Only instances with the tag prod were meant." in page
