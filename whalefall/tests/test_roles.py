"""The roles are groups that the migration makes: once, in a new database and in one that is in use."""

import os
import sqlite3
import uuid

import psycopg2
import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection

from capacity.benchmark.scratch import on_server

from .roles import ROLES, make_roles
from .starts import manage

VIEWER = {
    "capacity.view_instance",
    "capacity.view_databasesizestat",
    "capacity.view_instancesizestat",
    "capacity.view_databasesizeaggregation",
    "capacity.view_instancesizeaggregation",
    "capacity.view_staleperiod",
    *(f"capacity.view_{model}" for model in ("tag", "capacitylimit", "capacityevent", "forecast")),
    "sync_sessions.view_syncsession",
    "sync_sessions.view_syncinstancerecord",
    "django_celery_beat.view_periodictask",
    "django_celery_beat.view_crontabschedule",
    "capacity.view_alert",
    "capacity.view_alertrule",
}
OPERATOR = VIEWER | {
    "capacity.trigger_aggregation",
    "capacity.add_databasesizestat",
    "sync_sessions.cancel_syncsession",
    "capacity.change_alert",
}
ADMINISTRATOR = OPERATOR | {
    *(
        f"capacity.{verb}_{model}"
        for verb in ("add", "change", "delete")
        for model in ("instance", "tag", "capacitylimit")
    ),
    *(f"django_celery_beat.{verb}_periodictask" for verb in ("add", "change", "delete")),
    *(f"django_celery_beat.{verb}_crontabschedule" for verb in ("add", "change", "delete")),
    *(f"knox.{verb}_authtoken" for verb in ("view", "add", "delete")),
    *(f"auth.{verb}_user" for verb in ("view", "add", "change", "delete")),
    *(f"auth.{verb}_group" for verb in ("view", "add", "change", "delete")),
    "axes.view_accessattempt",
    "axes.delete_accessattempt",
    "axes.view_accesslog",
    *(f"capacity.{verb}_alertrule" for verb in ("add", "change", "delete")),
    *(f"capacity.{verb}_notificationchannel" for verb in ("view", "add", "change", "delete")),
    "capacity.view_notification",
    *(
        f"capacity.{verb}_prometheus{model}"
        for verb in ("view", "add", "change", "delete")
        for model in ("source", "mapping")
    ),
}
EXPECTED = {"viewer": VIEWER, "operator": OPERATOR, "administrator": ADMINISTRATOR}


def held():
    """{group: its permissions}"""
    found = {group.name: set() for group in Group.objects.all()}
    for name, app, codename in Group.objects.values_list(
        "name", "permissions__content_type__app_label", "permissions__codename"
    ):
        found[name].add(f"{app}.{codename}")
    return found


@pytest.mark.django_db
def test_each_role_has_these_permissions_and_no_others():
    make_roles()
    assert held() == EXPECTED


@pytest.mark.django_db
def test_in_a_database_without_permissions_they_are_made_as_django_names_them():
    make_roles()
    names = dict(Permission.objects.values_list("codename", "name"))
    Group.objects.all().delete()
    Permission.objects.all().delete()
    make_roles()
    assert held() == EXPECTED
    made = dict(Permission.objects.exclude(content_type__app_label="knox").values_list("codename", "name"))
    assert made.items() <= names.items()  # we call knox's tokens otherwise


@pytest.mark.django_db
def test_what_staff_changed_stays_and_what_is_missing_comes_back():
    make_roles()
    Group.objects.get(name="viewer").permissions.clear()
    Group.objects.get(name="operator").delete()
    make_roles()
    assert held() == {"viewer": {"None.None"}, "operator": OPERATOR, "administrator": ADMINISTRATOR}


@pytest.fixture
def make_database(tmp_path):
    """Makes a database of its own, of the kind that the tests run on, by a function of its name; gives its URL."""
    made = []

    def make(how):
        one = connection.settings_dict
        name = f"test_whalefall_{os.getpid()}_{uuid.uuid4().hex[:8]}"
        if connection.vendor == "sqlite":
            how(tmp_path / name)
            return f"sqlite:///{tmp_path / name}"
        how(name)
        made.append(name)
        login = f"{one['USER']}:{one['PASSWORD']}".rstrip(":")
        return f"postgres://{login}@{one['HOST']}:{one['PORT']}/{name}"

    yield make
    for name in made:
        on_server(connection, f"DROP DATABASE {name} WITH (FORCE)")


def empty(name):
    if connection.vendor == "postgresql":  # there a file is made by who opens it
        on_server(connection, f"CREATE DATABASE {name}")


def groups_in(url):
    """{group: how many permissions}, read past Django."""
    query = (
        "SELECT name, COUNT(permission_id) FROM auth_group "
        "LEFT JOIN auth_group_permissions ON group_id = auth_group.id GROUP BY name"
    )
    server = sqlite3.connect(url.removeprefix("sqlite:///")) if url.startswith("sqlite") else psycopg2.connect(url)
    cursor = server.cursor()
    cursor.execute(query)
    found = dict(cursor.fetchall())
    server.close()
    return found


def run(url, *lines):
    """These lines in one process of the product on that database, with `migrate` and `Group` at hand."""
    start = (
        "from functools import partial",
        "from django.core.management import call_command",
        "from django.contrib.auth.models import Group",
        "migrate = partial(call_command, 'migrate', verbosity=0)",
    )
    done = manage("shell", "-v0", "-c", "\n".join((*start, *lines)), DATABASE_URL=url)
    assert done.returncode == 0, done.stderr


SIZES = {role: len(EXPECTED[role]) for role in ROLES}


@pytest.mark.django_db
def test_the_first_migrate_makes_the_groups_and_the_next_ones_leave_them_alone(make_database):
    url = make_database(empty)
    run(url, "migrate('whalefall')")
    assert groups_in(url) == SIZES
    clear = "Group.objects.get(name='viewer').permissions.clear()"
    run(url, "migrate()", clear, "migrate()", "migrate('whalefall', 'zero')", "migrate()")
    assert groups_in(url) == {**SIZES, "viewer": 0}


@pytest.mark.django_db
def test_a_database_that_is_in_use_gets_the_groups_too(make_database, django_db_setup):
    url = make_database(django_db_setup)
    without = ("migrate('whalefall', 'zero')", "Group.objects.all().delete()")
    run(url, *without, "Group.objects.create(name='operator')", "migrate()")
    assert groups_in(url) == {**SIZES, "operator": 0}
