"""The last run of the forecasts, by cron or by hand."""

from io import StringIO

import pytest
from django.core.management import call_command

from capacity.tests.factories import make_instance
from capacity.tests.samples import add_day

pytestmark = pytest.mark.django_db


def test_forecasts_that_cron_makes_are_their_last_run(dashboard):
    add_day(make_instance(), "2025-06-29", 1)
    call_command("insight", verbosity=0, stdout=StringIO())

    assert "Forecasts Completed 1 done" in dashboard()["text"]


def test_forecasts_by_hand_are_told_of_beside_the_scheduled_ones(dashboard, settings):
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:6379/0"
    add_day(make_instance(), "2025-06-29", 1)
    call_command("insight", verbosity=0, stdout=StringIO())

    assert "Forecasts never ran by schedule By hand since Completed 1 done" in dashboard()["text"]
