""" "Run now" of what looks at those that are due: one of them is the fleet's run."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from capacity.collection.ingest import Sample, ingest
from capacity.periods import today
from capacity.tests.events import an_event
from capacity.tests.factories import make_instance
from capacity.tests.schedules import schedule_url, the
from sync_sessions.models import SyncSession

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
