"""Any periods from the list of instances: types, the last or the current ones, a range, of some, of all, of a tag."""

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from capacity.models import DatabaseSizeAggregation
from capacity.periods import Period, today
from capacity.tasks import aggregate_periods
from capacity.tests.factories import make_instance
from capacity.tests.samples import add_both
from sync_sessions.models import SyncSession

from .staff import told, words

pytestmark = pytest.mark.django_db

URL = reverse("admin:capacity_instance_changelist")
FLEET = reverse("admin:capacity_instance_aggregate_fleet_periods")
SESSIONS = reverse("admin:sync_sessions_syncsession_changelist")
ALL = {"confirmed": "yes", "periods": ["daily"], "which": "last", "scope": "all", "first": "", "last": ""}


@pytest.fixture
def tagged():
    """Two instances with samples since May 2025, the first with a tag."""
    made = [make_instance("a", tags=["prod"]), make_instance("b")]
    for one in made:
        for day in ("2025-05-20", "2025-06-10", str(today())):
            add_both(one, day, 100)
    return made


def runs():
    """(period type, first day, instances) of each session, oldest first."""
    sessions = SyncSession.objects.order_by("pk")
    return [(one.details["period_type"], one.details["period_start"], one.total_instances) for one in sessions]


def test_a_range_of_several_types_of_the_fleet(operator, tagged):
    body = {**ALL, "periods": ["monthly", "quarterly"], "which": "range", "first": "2025-05-01", "last": "2025-06-30"}
    answer = operator.post(FLEET, body)
    assert answer.url == SESSIONS
    assert told(answer) == [("success", "2 periods computed.")]
    assert runs() == [("monthly", "2025-05-01", 2), ("monthly", "2025-06-01", 2)]
    assert DatabaseSizeAggregation.objects.filter(period_type="monthly").count() == 4


def test_the_running_month_of_a_tag_is_computed_so_far(operator, tagged, admin_client):
    answer = operator.post(FLEET, {**ALL, "periods": ["monthly"], "which": "current", "tag": tagged[0].tags.get().pk})
    session, month = SyncSession.objects.get(), Period.containing("monthly", today())
    assert answer.url == reverse("admin:sync_sessions_syncsession_change", args=[session.pk])
    assert (session.details["tags"], session.total_instances) == (["prod"], 1)
    rows = reverse("admin:capacity_databasesizeaggregation_changelist")
    page = admin_client.get(rows, {"period_type__exact": "monthly", "period": str(month.start)})
    assert [str(row.instance) for row in page.context["cl"].result_list] == ["a"]
    assert "(so far)" in words(page)


def test_chosen_instances(operator, tagged):
    chosen = {"action": "aggregate_periods", "_selected_action": [tagged[1].pk]}
    asked = operator.post(URL, chosen)
    assert "Aggregate which periods of 1 instance? b" in words(asked)
    operator.post(URL, {**ALL, **chosen, "periods": ["weekly", "monthly"]})
    assert [(type, count) for type, _start, count in runs()] == [("weekly", 1), ("monthly", 1)]
    assert set(SyncSession.objects.values_list("sync_type", flat=True)) == {"manual_single"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"periods": []}, "This field is required."),
        ({"which": "range"}, "Give both days."),
        ({"which": "range", "first": "2025-05-02", "last": "2025-05-01"}, "is empty"),
        ({"which": "range", "first": "2020-01-01", "last": "2025-01-01"}, "That would be more than 400 runs"),
        ({"which": "range", "first": "2200-01-01", "last": "2200-01-05"}, "has begun"),
        ({"periods": ["yearly"]}, "Select a valid choice."),
    ],
)
def test_what_cannot_be_run_is_asked_again(operator, tagged, changes, said):
    assert said in words(operator.post(FLEET, {**ALL, **changes}))
    assert not SyncSession.objects.exists()


def test_with_a_broker_a_worker_does_several(operator, tagged, queued):
    body = {**ALL, "periods": ["monthly"], "which": "range", "first": "2025-05-01", "last": "2025-06-30"}
    body["tag"] = tagged[0].tags.get().pk
    answer = operator.post(FLEET, body)
    assert (answer.url, SyncSession.objects.count()) == (SESSIONS, 0)
    [(task, *arguments)] = queued
    assert task == aggregate_periods.name
    done = aggregate_periods.run(*arguments)
    assert [one["status"] for one in done["runs"]] == ["completed", "completed"]
    assert runs() == [("monthly", "2025-05-01", 1), ("monthly", "2025-06-01", 1)]
    assert SyncSession.objects.first().created_by == User.objects.get()
