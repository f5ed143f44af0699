"""What the dashboard tells of the night, of what changed and of what is full next."""

from datetime import UTC, date, datetime

import pytest
from django.core.management import call_command
from django.urls import reverse
from django_celery_beat.models import PeriodicTask

from capacity.models import Forecast, Tag
from capacity.tests.events import an_event
from capacity.tests.factories import make_instance
from capacity.tests.samples import add_day, run, the
from sync_sessions.results import RecordResult
from sync_sessions.services import sync_session_service

pytestmark = pytest.mark.django_db

GIB = 2**30


def event(instance, day, kind, database="crm", before=100 * GIB, after=38 * GIB):
    return an_event(instance, database, day, kind, before, after, usual=GIB)


def forecast(instance, state, on=None, level="instance", **fields):
    return Forecast.objects.create(
        instance=instance,
        level=level,
        week=date(2025, 6, 23),
        made_on=date(2025, 6, 29),
        calculated_at=datetime(2025, 6, 29, tzinfo=UTC),
        state=state,
        confidence="high",
        days_covered=100,
        level_bytes=1,
        weekly_bytes=1,
        spread_bytes=1,
        headroom_bytes=0,
        limit_bytes=GIB,
        expected_on=on,
        earliest_on=on,
        latest_on=on,
        **fields,
    )


def test_what_changed_in_a_week_is_told_by_day_with_a_link_to_its_page(dashboard):
    one, off = make_instance("one"), make_instance("off", is_active=False)
    event(one, date(2025, 6, 24), "drop")
    event(one, date(2025, 6, 30), "appeared", "new", 0, 2 * GIB)
    event(one, date(2025, 6, 23), "vanished")
    event(off, date(2025, 6, 29), "vanished")
    found = dashboard()["changes"]
    assert [(row["day"], row["name"], row["text"]) for row in found["shown"]] == [
        ("June 30, 2025", "one new", "appeared with 2.0 GiB"),
        ("June 24, 2025", "one crm", "lost 62 %, 62.0 GiB; usual at most 1.0 GiB a day"),
    ]
    assert found["shown"][1]["url"] == f"/admin/capacity/databasestate/of/{one.pk}/?name=crm"


def test_what_is_full_next_has_a_volume_in_place_of_what_shares_it(dashboard):
    full, later, soon = (make_instance(name) for name in ("full", "later", "soon"))
    off = make_instance("off", is_active=False)
    forecast(full, "over")
    forecast(later, "date", date(2025, 9, 1))
    forecast(soon, "date", date(2025, 8, 1), "database", database_name="crm")
    forecast(soon, "date", date(2025, 7, 20), "database", database_name="erp", shared_key="D:")
    forecast(None, "date", date(2025, 7, 20), "volume", shared_key="D:")
    forecast(later, "flat", None, "database", database_name="calm")
    forecast(off, "date", date(2025, 7, 1))
    page = dashboard()
    assert [row["name"] for row in page["full_next"]["shown"]] == ["full", "Volume: D:", "soon crm", "later"]
    assert "full on 1 August 2025" in page["text"]


def test_last_nights_run_says_why_instances_were_left_out_and_how_many(dashboard):
    fleet = [make_instance() for _number in range(4)]
    add_day(fleet[0], "2025-06-29", 1)
    session = sync_session_service.create_session(
        sync_type="scheduled_task", sync_category="capacity", lock_key="capacity:collection"
    )
    sync_session_service.add_instance_records(session, [(one.pk, one.name) for one in fleet])
    codes = ["wrong_password", "refused", "refused"]
    records = list(session.records.order_by("pk"))
    failed = [RecordResult(one.pk, "failed", error_code=code) for one, code in zip(records, codes, strict=False)]
    sync_session_service.fail_instance_records(session, failed)
    sync_session_service.complete_instance_records(session, [RecordResult(records[3].pk, "completed")])
    sync_session_service.finish_session(session)
    [collection] = [line for line in dashboard()["runs"] if line["label"] == "Collection"]
    assert collection["run"]["counts"] == "3 failed, 1 done"
    assert collection["run"]["reasons"] == (
        "The server refuses connections. (2), The server refuses the user name or the password. (1)"
    )


def test_a_collection_that_did_not_come_is_missed(dashboard, time_machine):
    call_command("install_schedules")
    task = PeriodicTask.objects.get(task="capacity.collect_capacity")
    PeriodicTask.objects.filter(pk=task.pk).update(date_changed=datetime(2025, 6, 1, tzinfo=UTC))
    [line] = dashboard()["missed"]
    assert (line["name"], line["url"]) == (task.name, reverse("admin:capacity_schedule_change", args=[task.pk]))
    session = sync_session_service.create_session(
        sync_type="scheduled_task", sync_category="capacity", lock_key="capacity:collection"
    )
    assert dashboard()["missed"] == []
    sync_session_service.finish_session(session)
    assert dashboard()["missed"] == []


def test_the_fleet_is_added_up_by_engine_and_by_each_key_of_tags(dashboard):
    one, other = make_instance("one"), make_instance("other", db_type="mysql")
    for instance, size in ((one, 3 * GIB), (other, GIB)):
        add_day(instance, "2025-06-29", size)
    one.tags.add(Tag.objects.create(name="team:billing"))
    run(the("daily", "2025-06-29"))
    tables = {table["title"]: [(row["name"], row["size"]) for row in table["rows"]] for table in dashboard()["groups"]}
    assert tables == {
        "By engine": [("PostgreSQL", "3.0 GiB"), ("MySQL / MariaDB", "1.0 GiB")],
        "By team": [("team:billing", "3.0 GiB"), ("without", "1.0 GiB")],
    }


def test_a_day_of_the_coverage_leads_to_the_instances_that_lack_it(dashboard, admin_client):
    one, other = make_instance("one"), make_instance("other")
    for instance, days in ((one, ("2025-06-28", "2025-06-29")), (other, ("2025-06-28",))):
        for day in days:
            add_day(instance, day, 1)
    mark = dashboard()["coverage"]["marks"][-2]
    assert mark["tooltip"].startswith("June 29, 2025: 1 of 2 instances")
    assert [row.name for row in admin_client.get(mark["href"]).context["cl"].result_list] == ["other"]
