"""Which instances the dashboard says to look at, and to whom."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from capacity.models import Instance
from capacity.tests.factories import make_instance
from capacity.tests.samples import add_both, add_day, aggregate, the
from sync_sessions import life
from sync_sessions.choices import Service
from whalefall.tests.dashboard.runs import failing

pytestmark = pytest.mark.django_db
RECORDS = "/admin/sync_sessions/syncinstancerecord/"
HOSTILE = "<img src=x onerror=alert(1)>"


def test_instances_that_need_attention_lead_to_the_instance_and_to_what_happened(dashboard):
    silent, failed = (make_instance(name) for name in ("silent", "failed"))
    add_day(silent, "2025-06-20", 1)
    add_both(failed, "2025-06-29", 200)
    failing("aggregation:daily", failed)

    attention = dashboard()["attention"]

    said = [(one["what"], one["text"], [name["name"] for name in one["names"]]) for one in attention["shown"]]
    assert said == [
        ("failed", "Aggregation: No luck", ["failed"]),
        ("no sample", "1 instance", ["silent"]),
    ]
    assert [one["more"] for one in attention["shown"]] == [
        f"{RECORDS}?standing=yes&sync_category__exact=aggregation&reason=",
        f"{reverse('admin:capacity_instance_changelist')}?sample=late",
    ]
    assert [name["url"] for one in attention["shown"] for name in one["names"]] == [
        reverse("admin:capacity_instance_change", args=[one.pk]) for one in (failed, silent)
    ]


def test_equal_reasons_are_one_line_with_a_link_to_exactly_those_records(dashboard, admin_client):
    add_day(make_instance("measured"), "2025-06-30", 1)
    down = [make_instance(f"down-{number}") for number in range(5)]
    failing("capacity:collection", *down, reason="Port 5999 refuses connections", code="refused")
    failing("capacity:collection:0", make_instance("locked"), reason="authentication", code="wrong_password")

    first, second = dashboard()["attention"]["shown"]

    assert (first["text"], first["count"], first["left"]) == ("Collection: The server refuses connections.", 5, 2)
    assert [one["name"] for one in first["names"]] == ["down-0", "down-1", "down-2"]
    assert first["detail"] == "Port 5999 refuses connections"
    assert second["text"] == "Collection: The server refuses the user name or the password."
    listed = admin_client.get(first["more"]).context["cl"].result_list
    assert sorted(record.instance_name for record in listed) == [one.name for one in down]


def test_a_new_instance_has_two_days_for_its_first_sample(dashboard, admin_client):
    add_day(make_instance("measured"), "2025-06-30", 1)
    make_instance("new")
    old = make_instance("never")
    Instance.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=3))

    [line] = dashboard()["attention"]["shown"]

    assert (line["what"], [one["name"] for one in line["names"]]) == ("never measured", ["never"])
    assert [one.name for one in admin_client.get(line["more"]).context["cl"].result_list] == ["never"]


def test_a_silent_worker_and_beat_come_first(dashboard, settings):
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:6379/0"
    add_day(make_instance("measured"), "2025-06-30", 1)

    assert [one["text"] for one in dashboard()["attention"]["shown"]] == [
        "No worker has ever run: what is queued waits. Start the service whalefall-worker.",
        "Beat has never run: no schedule runs. Start the service whalefall-beat.",
    ]
    life.give_sign(Service.WORKER)
    life.give_sign(Service.BEAT)
    assert dashboard()["attention"]["shown"] == []


def test_a_long_list_is_cut_and_the_rest_counted(dashboard):
    add_day(make_instance("measured"), "2025-06-30", 1)
    for number in range(25):
        failing("capacity:collection:0", make_instance(f"i-{number:02}"), code=f"code_{number}")
    page = dashboard()
    assert (len(page["attention"]["shown"]), page["attention"]["left"]) == (20, 5)
    assert "And 5 more." in page["text"]


def test_when_all_is_well_the_card_says_so(dashboard):
    add_day(make_instance(), "2025-06-30", 1)
    assert "Nothing: every active instance was measured in the last two days" in dashboard()["text"]


@pytest.mark.parametrize(
    ("codenames", "kinds"),
    [
        (("view_instance",), []),
        (("view_instance", "view_syncsession"), ["failed"]),
    ],
)
def test_what_needs_attention_tells_nothing_that_one_may_not_view(dashboard, staff_client, codenames, kinds):
    failed = make_instance()
    add_both(failed, "2025-06-29", 200)
    failing("aggregation:daily", failed)
    page = dashboard(client=staff_client(*codenames))
    assert [one["what"] for one in page["attention"]["shown"]] == kinds


def test_hostile_names_are_shown_as_they_are_written(dashboard):
    instance = make_instance(HOSTILE)
    for day, size in (("2025-05-30", 1), ("2025-06-28", 1), ("2025-06-29", 3)):
        add_both(instance, day, size)
    aggregate(the("daily", "2025-06-29"))
    failing("aggregation:daily", instance, reason=HOSTILE)

    page = dashboard()

    assert "<img src=x" not in page["html"]
    # In two lists of bars, as failed, and in the reason.
    assert page["html"].count("&lt;img src=x onerror=alert(1)&gt;") == 4
