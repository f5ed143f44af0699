"""manage.py purge_instance: an instance and all its history go, the run log stays."""

import json
from datetime import date
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from capacity.collection.ingest import ingest
from capacity.inventory import deletion
from capacity.inventory.deletion import HISTORY
from capacity.models import DatabaseSizeStat, Instance, StalePeriod
from capacity.tests.factories import a_sample, make_instance
from capacity.tests.others import Terminal, start_beside
from capacity.tests.samples import run, the
from sync_sessions.models import SyncInstanceRecord

pytestmark = pytest.mark.django_db

MODELS = tuple(HISTORY.values())


@pytest.fixture
def typed(monkeypatch):
    return lambda text: monkeypatch.setattr("sys.stdin", Terminal(text))


@pytest.fixture
def two():
    """The instances old-1 and keep-1, alike: samples on three days, one period computed."""
    both = make_instance("old-1"), make_instance("keep-1")
    days = ("2025-03-03", "2025-03-04", "2025-03-05")
    ingest([a_sample(one, f"{day}T03:00:00+08:00", database=name) for one in both for day in days for name in "ab"])
    run(the("daily", "2025-03-04"))
    Instance.objects.filter(name="old-1").update(is_active=False)
    return both


def purge(name="old-1", *options):
    """The lines that the command writes."""
    out = StringIO()
    call_command("purge_instance", name, "--yes", *options, stdout=out)
    return out.getvalue().splitlines()


def refused(name="old-1", *options):
    """The sentence that the command ends with."""
    with pytest.raises(CommandError) as error:
        call_command("purge_instance", name, *options, stdout=StringIO(), stderr=StringIO())
    return str(error.value)


def test_without_a_terminal_it_wants_to_be_told_yes(two):
    assert refused() == "There is no terminal to ask at, so nothing is deleted: say --yes to delete it."
    assert Instance.objects.filter(name="old-1").exists()


def counts(instance):
    return [model.objects.filter(instance=instance).count() for model in MODELS]


def test_everything_of_the_instance_is_deleted_and_nothing_of_another(two, monkeypatch):
    monkeypatch.setattr(deletion, "BATCH", 2)
    old, kept = two
    before = counts(kept)
    assert counts(old) == before == [6, 3, 6, 0, 2, 1, 2, 1, 9, 0, 0, 0]
    assert purge() == [
        "old-1 is deleted, with 6 samples, 3 day totals, 2 and 1 period rows of databases and of the instance, 9 "
        "stale periods. Records kept in the run log: 1."
    ]
    assert list(Instance.objects.values_list("name", flat=True)) == ["keep-1"]
    assert counts(old.pk) == [0] * len(MODELS)
    assert counts(kept) == before


def test_the_run_log_keeps_its_records_by_name(two):
    purge()
    records = SyncInstanceRecord.objects.order_by("instance_name")
    assert list(records.values_list("instance_name", "instance__name", "status")) == [
        ("keep-1", "keep-1", "completed"),
        ("old-1", None, "completed"),
    ]


def test_it_tells_as_json_what_it_deleted(two):
    [line] = purge("old-1", "--json")
    numbers = {"samples": 6, "days": 3, "database_days": 6, "carried": 0, "database_states": 2, "instance_states": 1}
    numbers |= {"database_rows": 2, "instance_rows": 1, "marks": 9, "records_kept": 1, "events": 0, "forecasts": 0}
    numbers |= {"tables": 0}
    assert json.loads(line) == {"instance": "old-1", **numbers}


def test_an_active_instance_is_not_deleted(two):
    before = counts(two[1])
    assert refused("keep-1") == (
        "keep-1 is active: deactivate it in the admin first, so that nothing new comes in meanwhile."
    )
    assert counts(two[1]) == before


def test_a_name_that_no_instance_has_is_a_sentence(two):
    assert refused("Old-1") == "There is no instance named Old-1."


@pytest.mark.django_db(transaction=True)
def test_each_batch_is_committed_and_after_an_interruption_the_next_call_goes_on(two, monkeypatch, elsewhere):
    monkeypatch.setattr(deletion, "BATCH", 4)
    old, kept = two
    before = counts(kept)

    def interrupt(count):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deletion.purge_instance(Instance.objects.get(name="old-1"), interrupt)
    assert elsewhere(counts, old) == [2, 3, 6, 0, 2, 1, 2, 1, 9, 0, 0, 0]
    [line] = purge("old-1", "--json")
    assert json.loads(line)["samples"] == 2
    assert refused() == "There is no instance named old-1."
    assert counts(kept) == before


def test_samples_that_come_in_meanwhile_go_as_well(two):
    old, kept = two
    late = [a_sample(old, "2025-03-06T03:00:00+08:00")]

    def push(count):
        if late and not StalePeriod.objects.filter(instance=old).exists():  # the last of the batches
            ingest([late.pop()])

    deleted = deletion.purge_instance(Instance.objects.get(name="old-1"), push)
    assert (late, deleted["samples"]) == ([], 7)
    assert not Instance.objects.filter(name="old-1").exists()
    assert set(DatabaseSizeStat.objects.values_list("collected_on", flat=True)) == {
        date(2025, 3, 3),
        date(2025, 3, 4),
        date(2025, 3, 5),
    }


@pytest.mark.django_db(transaction=True)
def test_samples_that_are_being_stored_are_waited_for(two):
    StalePeriod.objects.all().delete()  # so that no batch meets a row that the other one holds
    with transaction.atomic():
        ingest([a_sample(two[0], "2025-03-06T03:00:00+08:00")])
        purged = start_beside(purge)
    assert purged.result(timeout=30)[0].startswith("old-1 is deleted, with 7 samples, 4 day totals, ")
    assert not Instance.objects.filter(name="old-1").exists()


@pytest.mark.parametrize("answer", ["keep-1\n", "yes\n", ""])
def test_anything_but_its_name_deletes_nothing(two, typed, answer):
    before = counts(two[0])
    typed(answer)
    assert refused() == "That is not its name: nothing is deleted."
    assert counts(two[0]) == before


def test_the_question_tells_what_would_go(two, typed):
    typed("old-1\n")
    out, err = StringIO(), StringIO()
    call_command("purge_instance", "old-1", "--json", stdout=out, stderr=err)
    assert err.getvalue() == "Delete old-1 with its 6 samples and 3 period rows? Type its name again: "
    assert json.loads(out.getvalue())["samples"] == 6


def test_nobody_is_asked_about_an_active_instance(two, typed):
    typed("no\n")
    assert refused("keep-1").startswith("keep-1 is active")


def test_nobody_is_asked_with_yes(two, typed):
    typed("no\n")
    purge("old-1", "--yes")
    assert not Instance.objects.filter(name="old-1").exists()
