import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from capacity.collection.recording import CollectionRun
from capacity.models import DbType, InstanceSizeStat
from capacity.tests.factories import make_instance
from capacity.units import format_bytes
from sync_sessions.models import SyncSession
from sync_sessions.services import sync_session_service

from . import servers
from .servers import HOST, MYSQL_PORT, closed_port

pytestmark = [pytest.mark.live, pytest.mark.django_db]


@pytest.fixture
def maria(my):
    login = {"username": my["user"], "password": "hunter2"}
    return make_instance("[maria]", db_type=DbType.MYSQL, host=HOST, port=MYSQL_PORT, **login)


@pytest.fixture
def down():
    return make_instance("down", host=HOST, port=closed_port(), username="x")


class Terminal(StringIO):
    def isatty(self):
        return True


def collect(*arguments, out=None):
    """What the command printed, and its error if it ended with one."""
    out, error = out or StringIO(), None
    try:
        call_command("collect", *arguments, stdout=out)
    except CommandError as raised:
        error = raised
    return out.getvalue(), error


def test_it_prints_a_line_per_instance_and_the_sum(maria):
    printed, error = collect()

    total = format_bytes(InstanceSizeStat.objects.get().total_size_bytes)
    first, last = printed.splitlines()
    assert first.startswith(f"[maria]  mysql  2  {total}  completed  Sizes are estimates")
    assert last == "1 of 1 instance collected, 0 failed, 0 skipped."
    assert error is None


def test_it_collects_the_named_instances_only(maria, down):
    collect("--instance", "[maria]")

    session = SyncSession.objects.get()
    assert (session.sync_type, session.total_instances) == ("manual_single", 1)


@pytest.mark.parametrize("arguments", [("--instance", "[maria]", "down"), ("--instance=down", "--instance=[maria]")])
def test_several_instances_can_be_named_in_both_ways(maria, down, arguments):
    collect(*arguments)

    session = SyncSession.objects.get()
    assert (session.sync_type, session.total_instances) == ("manual_batch", 2)


def test_without_names_the_fleet_is_collected(maria):
    collect()

    assert SyncSession.objects.get().sync_type == "manual_task"


def test_a_failed_instance_ends_it_with_1_and_its_reason(maria, down):
    printed, error = collect()

    assert f"down  postgresql  failed  Port {down.port} of 127.0.0.1 refuses connections" in printed
    assert (str(error), error.returncode) == ("1 of 2 instances collected, 1 failed, 0 skipped.", 1)


def test_a_cancelled_run_ends_it_with_1(maria, monkeypatch):
    start_records = CollectionRun._start_records

    def start_and_cancel(run, batch):
        start_records(run, batch)
        sync_session_service.cancel_session(run.session)

    monkeypatch.setattr(CollectionRun, "_start_records", start_and_cancel)
    _printed, error = collect()

    assert (str(error), error.returncode) == ("Cancelled after 0 of 1 instances had been collected.", 1)


def test_an_unknown_name_is_an_error_before_anything_runs(maria):
    _printed, error = collect("--instance", "[maria]", "maria-2", "maria-1")

    assert str(error) == "There is no instance named maria-1, maria-2."
    assert not SyncSession.objects.exists()


def test_a_collection_under_way_is_said_in_a_sentence(maria):
    other = sync_session_service.create_session(
        sync_type="scheduled_task", sync_category="capacity", lock_key="capacity:collection"
    )

    _printed, error = collect()

    assert str(error).startswith(f"A run of the same kind is already under way: session {other.session_id}.")
    assert error.returncode == 1


def test_nothing_to_collect_is_no_failure():
    assert collect() == ("No instance to collect: add an active one that has a host.\n", None)


def test_json_holds_the_result_and_nothing_else_is_printed(maria, down):
    printed, error = collect("--json")

    result = json.loads(printed)
    assert (result["status"], result["message"]) == ("failed", str(error))
    assert result["session"]["session_id"] == str(SyncSession.objects.get().session_id)
    assert [(one["instance_name"], one["status"], one["databases"]) for one in result["instances"]] == [
        (one["instance_name"], *{"[maria]": ("completed", 2), "down": ("failed", 0)}[one["instance_name"]])
        for one in result["instances"]
    ]
    total = InstanceSizeStat.objects.get().total_size_bytes
    assert [one["total_size_bytes"] for one in result["instances"] if one["databases"]] == [total]


def test_a_terminal_gets_a_table_with_names_as_they_are(maria, down):
    printed, _error = collect(out=Terminal())

    for text in ("Collection", "Instance", "Databases", "Size", "[maria]", "completed", "failed"):
        assert text in printed
    assert f"down: Port {down.port} of 127.0.0.1 refuses connections" in printed


def test_databases_that_were_not_sized_are_named_without_control_characters():
    name = f"{servers.PREFIX}a\x1b[31mb"
    servers.postgresql(f'CREATE DATABASE "{name}" TEMPLATE template0')
    make_instance("pg", host=HOST, username="postgres")
    try:
        printed, _error = collect()
    finally:
        servers.postgresql(f'DROP DATABASE "{name}"')

    assert f"not sized: {servers.PREFIX}a\\x1b[31mb" in printed
    assert "\x1b" not in printed


def test_a_dry_run_measures_stores_nothing_and_opens_no_session(maria, down):
    printed, error = collect("--dry-run")

    assert any(line.startswith("[maria]  mysql  2  ") for line in printed.splitlines())
    assert "down  postgresql  failed  Port" in printed
    assert str(error) == "Measured: 1 of 2. Failed: 1. Nothing was stored."
    assert not SyncSession.objects.exists() and not InstanceSizeStat.objects.exists()


def test_a_dry_run_of_a_name_that_nobody_has_is_a_sentence():
    assert str(collect("--dry-run", "--instance", "nobody")[1]) == "There is no instance named nobody."
