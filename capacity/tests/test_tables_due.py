"""Whose tables the weekly run measures."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine

from capacity.collection.tables_due import due, spec_of_due
from capacity.models import DbType, TableSizeSnapshot
from capacity.tests.events import an_event
from capacity.tests.factories import make_instance

pytestmark = pytest.mark.django_db

MONDAY = date(2026, 3, 16)
SIX = datetime(2026, 3, 16, 6, tzinfo=ZoneInfo("Asia/Shanghai"))


@pytest.fixture(autouse=True)
def monday_at_six():
    with time_machine.travel(SIX, tick=False):
        yield


@pytest.fixture
def instance():
    return make_instance("pg", host="db", username="whalefall")


def ago(days):
    return MONDAY - timedelta(days=days)


def test_what_jumped_dropped_or_appeared_is_due_and_what_changed_most_comes_first(instance):
    maria = make_instance("maria", db_type=DbType.MYSQL, host="db", username="u")
    an_event(instance, "dropped", ago(3), "drop", before=500, after=100)
    an_event(instance, "jumped", ago(0), before=100, after=800)
    an_event(instance, "jumped", ago(1), before=90, after=100)
    an_event(maria, "appeared", ago(14), "appeared", before=0, after=600)

    assert due() == {instance.pk: ["jumped", "dropped"], maria.pk: ["appeared"]}
    assert list(due()) == [instance.pk, maria.pk]
    assert due([maria.pk]) == {maria.pk: ["appeared"]}
    assert spec_of_due().selection.ids == (instance.pk, maria.pk)


@pytest.mark.parametrize(
    ("database", "kind", "age"),
    [("gone", "vanished", 2), ("", "jump", 2), ("old", "jump", 15)],
    ids=["vanished", "of the instance", "older than two weeks"],
)
def test_these_events_make_nothing_due(instance, database, kind, age):
    an_event(instance, database, ago(age), kind)

    assert due() == {}


def test_what_vanished_after_its_jump_is_not_due_what_came_back_is(instance):
    an_event(instance, "gone", ago(5))
    an_event(instance, "gone", ago(2), "vanished")
    an_event(instance, "back", ago(5), "vanished")
    an_event(instance, "back", ago(2), "appeared")

    assert due() == {instance.pk: ["back"]}


def test_what_was_measured_since_is_not_due_again_until_its_next_event(instance):
    for database, measured_at in (("before", SIX - timedelta(days=3)), ("since", SIX - timedelta(days=1))):
        an_event(instance, database, ago(2))
        TableSizeSnapshot.objects.create(
            instance=instance, database_name=database, taken_at=measured_at, tables=[], total_bytes=0
        )
    assert due() == {instance.pk: ["before"]}

    an_event(instance, "since", ago(0))
    assert due() == {instance.pk: ["before", "since"]}


@pytest.mark.parametrize(
    "fields", [{"is_active": False}, {"host": ""}, {"username": ""}, {"db_type": DbType.ORACLE}], ids=str
)
def test_nothing_is_due_of_who_cannot_be_asked(fields):
    an_event(make_instance(**{"host": "db", "username": "whalefall", **fields}), "sales", ago(1))

    assert due() == {}
