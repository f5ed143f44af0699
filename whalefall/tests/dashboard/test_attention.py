"""Which instances the dashboard says to look at, and to whom."""

import pytest
from django.urls import reverse

from capacity.models import InstanceSizeAggregation
from capacity.tests.factories import make_instance
from capacity.tests.samples import add_both, add_day, aggregate, the
from whalefall.tests.dashboard.runs import failing

pytestmark = pytest.mark.django_db
HOSTILE = "<img src=x onerror=alert(1)>"


def test_instances_that_need_attention_lead_to_the_instance_and_to_what_happened(dashboard):
    silent, failed, jumped = (make_instance(name) for name in ("silent", "failed", "jumped"))
    add_day(silent, "2025-06-20", 1)
    for instance in (failed, jumped):
        add_both(instance, "2025-06-29", 200)
        add_both(instance, "2025-06-28", 100 if instance == jumped else 200)
    aggregate(the("daily", "2025-06-29"))
    session = failing("aggregation:daily", failed)

    attention = dashboard()["attention"]

    row = InstanceSizeAggregation.objects.get(instance=jumped)
    assert [(one["what"], one["name"], one["text"], one.get("more")) for one in attention["shown"]] == [
        ("no sample", "silent", "The last sample is 1\xa0week old.", None),
        (
            "failed",
            "failed",
            "Daily: no luck",
            reverse("admin:sync_sessions_syncsession_change", args=[session.pk]),
        ),
        (
            "jump",
            "jumped",
            "+100.00 % against the period before (Daily).",
            reverse("admin:capacity_instancesizeaggregation_change", args=[row.pk]),
        ),
    ]
    assert [one["url"] for one in attention["shown"]] == [
        reverse("admin:capacity_instance_change", args=[one.pk]) for one in (silent, failed, jumped)
    ]


def test_a_long_list_is_cut_and_the_rest_counted(dashboard):
    for number in range(25):
        make_instance(f"i-{number:02}")
    add_day(make_instance("measured"), "2025-06-30", 1)
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
        (("view_instance", "view_instancesizeaggregation"), ["jump"]),
    ],
)
def test_what_needs_attention_tells_nothing_that_one_may_not_view(dashboard, viewer, codenames, kinds):
    failed, jumped = make_instance(), make_instance()
    for instance in (failed, jumped):
        add_both(instance, "2025-06-28", 100)
        add_both(instance, "2025-06-29", 200)
    aggregate(the("daily", "2025-06-29"), instances=[jumped])
    failing("aggregation:daily", failed)
    page = dashboard(client=viewer(*codenames))
    assert [one["what"] for one in page["attention"]["shown"]] == kinds


def test_hostile_names_are_shown_as_they_are_written(dashboard):
    instance = make_instance(HOSTILE)
    for day, size in (("2025-05-30", 1), ("2025-06-28", 1), ("2025-06-29", 3)):
        add_both(instance, day, size)
    aggregate(the("daily", "2025-06-29"))
    failing("aggregation:daily", instance, reason=HOSTILE)

    page = dashboard()

    assert "<img src=x" not in page["html"]
    # In two lists of bars, as failed and as jumped, and in the reason.
    assert page["html"].count("&lt;img src=x onerror=alert(1)&gt;") == 5
