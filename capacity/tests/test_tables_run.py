"""A run of largest tables as its command, its schedule and a worker do it: its session, its records, its failures."""

import json
from datetime import datetime, timedelta
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.management import CommandError, call_command

from capacity.collection.tables_due import spec_of_due
from capacity.models import CapacityEvent, TableSizeSnapshot, Tag
from capacity.periods import today
from capacity.runs.kinds import last_failures
from capacity.runs.start import start
from capacity.tasks import snapshot_tables
from capacity.tests.events import an_event
from capacity.tests.factories import make_instance
from capacity.tests.servers import HOST, closed_port
from sync_sessions.models import SyncInstanceRecord, SyncSession
from sync_sessions.retries import retry_session

pytestmark = pytest.mark.django_db

NOTHING = "No database with a login has jumped, dropped or appeared since its tables were measured."


def command(*arguments):
    """What it printed, and its error if it ended with one."""
    out, error = StringIO(), None
    try:
        call_command("snapshot_tables", *arguments, stdout=out)
    except CommandError as raised:
        error = str(raised)
    return out.getvalue(), error


def records():
    columns = ("instance_name", "status", "error_code", "error_message", "items_synced")
    return list(SyncInstanceRecord.objects.order_by("pk").values_list(*columns))


def session():
    one = SyncSession.objects.latest("pk")
    return one.sync_category, one.sync_type, one.status, one.total_instances


@pytest.fixture(autouse=True)
def monday_at_six():
    with time_machine.travel(datetime(2026, 3, 16, 6, tzinfo=ZoneInfo("Asia/Shanghai")), tick=False):
        yield


@pytest.fixture
def down():
    """An instance that refuses connections, with two databases that jumped today."""
    instance = make_instance("down", host=HOST, port=closed_port(), username="u", password="hunter2")
    for database, size in (("sales", 900), ("stock", 500)):
        an_event(instance, database, today(), after=size)
    return instance


def refusal(instance):
    return f"Port {instance.port} of {HOST} refuses connections: is the server running, and is the port right?"


def test_a_server_that_is_down_fails_its_record_and_is_asked_once(down):
    out, error = command()

    assert (out, error) == (
        "",
        f"Largest tables of 0 databases measured.\ndown: sales: {refusal(down)}\ndown: stock: {refusal(down)}",
    )
    assert session() == ("tables", "manual_task", "failed", 1)
    assert records() == [("down", "failed", "refused", refusal(down), 0)]
    assert SyncInstanceRecord.objects.get().sync_details == {
        "version": 1,
        "engine": "postgresql",
        "databases": 0,
        "not_sized": [{"database": name, "reason": refusal(down)} for name in ("sales", "stock")],
    }
    assert not TableSizeSnapshot.objects.exists()


def test_the_failed_record_says_so_on_its_page(admin_client, down):
    command()

    page = admin_client.get(f"/admin/sync_sessions/syncinstancerecord/{SyncInstanceRecord.objects.get().pk}/change/")
    text = page.content.decode()
    assert "Largest tables" in text
    assert refusal(down) in text
    assert "stock" in text


def test_a_failure_is_tried_again_and_ends_when_nothing_of_it_is_due_any_more(down):
    snapshot_tables()
    snapshot_tables()
    assert [status for _name, status, *_rest in records()] == ["failed", "failed"]

    CapacityEvent.objects.update(day=today() - timedelta(days=15))
    assert snapshot_tables()["status"] == "completed"
    assert records()[2] == ("down", "skipped", "no_events", "", 0)
    assert not last_failures(SyncInstanceRecord.objects.all()).exists()
    assert snapshot_tables()["message"] == NOTHING


def test_the_schedule_leaves_a_session_even_when_nothing_was_due():
    make_instance("quiet", host="db", username="u")

    result = snapshot_tables()
    assert (result["status"], result["message"], result["databases"]) == ("completed", NOTHING, 0)
    assert session() == ("tables", "scheduled_task", "completed", 0)


@pytest.mark.parametrize("by", ["schedule", "command"])
def test_of_a_tag_its_instances_alone_are_asked(down, by):
    others = make_instance("others", host=HOST, port=down.port, username="u", password="hunter2")
    an_event(others, "crm", today())
    down.tags.add(Tag.objects.create(name="prod"))
    if by == "schedule":
        snapshot_tables.apply(kwargs={"tags": ["prod"]}).get()
    else:
        command("--tag", "prod")
    assert [name for name, *_rest in records()] == ["down"]
    assert SyncSession.objects.get().details["tags"] == ["prod"]


def test_a_tag_that_nobody_has_made_is_refused(down):
    assert command("--tag", "prod") == ("", "There is no tag named prod.")
    assert not SyncSession.objects.exists()


def test_the_command_prints_json_for_machines(down):
    out, error = command("--json")
    result = json.loads(out)
    assert (result["status"], result["databases"], result["left"], len(result["errors"])) == ("failed", 0, 0, 2)
    assert error


def test_a_worker_runs_a_queued_session_once(down, queued):
    one = start(spec_of_due(), queue=True).session
    assert queued == [("capacity.snapshot_tables", str(one.session_id))]
    assert snapshot_tables(str(one.session_id))["status"] == "failed"
    assert snapshot_tables(str(one.session_id))["status"] == "skipped"
    assert records() == [("down", "failed", "refused", refusal(down), 0)]


def test_what_failed_is_run_again_by_hand(down, admin_user):
    command()
    again = retry_session(SyncSession.objects.get(), created_by=admin_user, queue=False)
    assert (again.details["retry_of"], session()) == (
        str(SyncSession.objects.earliest("pk").session_id),
        ("tables", "manual_single", "failed", 1),
    )


def test_only_one_runs_at_a_time(down, queued):
    start(spec_of_due(), queue=True)

    out, error = command()
    assert (out, SyncSession.objects.count()) == ("", 1)
    assert error


def test_an_instance_that_is_switched_off_meanwhile_is_skipped(down, queued):
    one = start(spec_of_due(), queue=True).session
    down.is_active = False
    down.save()

    assert snapshot_tables(str(one.session_id))["status"] == "completed"
    assert records() == [("down", "skipped", "instance_inactive", "", 0)]
