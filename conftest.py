"""What holds for every test of the project."""

import os
import shutil
import sqlite3
import threading
import time
from contextlib import closing

import hypothesis
import pytest
from django.db import connection, transaction
from django.test import override_settings
from django.utils import translation
from rest_framework.test import APIClient

from capacity.benchmark.scratch import on_server
from capacity.insight import csv_export
from sync_sessions.common.gates import Gate
from whalefall.tests import needs
from whalefall.tests.people import user_with

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")

if "faketime" in os.environ.get("LD_PRELOAD", ""):
    # It knows the call that time.sleep makes by the wall clock alone, and answers "Invalid argument".
    time.sleep = lambda seconds: threading.Event().wait(seconds)


@pytest.fixture(autouse=True)
def _in_english():
    """A request in Chinese leaves its language to its thread, which is that of the next test."""
    with translation.override("en"):
        yield


@pytest.fixture(scope="session", autouse=True)
def _quick_passwords():
    """Most tests make a user, and the hasher of the product takes a quarter of a second for it, as it should."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(autouse=True)
def _exports_of_its_own(monkeypatch):
    """An answer that a test leaves unread keeps its place until Python frees it, which may be in a later test."""
    ours = csv_export.EXPORTS
    monkeypatch.setattr(csv_export, "EXPORTS", Gate(ours.most, ours.text, ours.retry_after))


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker, tmp_path_factory):
    """Gives a function that makes a database of a name (on SQLite a file) as the test database is now: just migrated.
    Migrating takes seconds.

    PostgreSQL as it is, but for what makes a test slow without telling anything: it does not wait for the disk, and
    tables are emptied after a test by DELETE, as TRUNCATE makes new files for each of them (0.35 s)."""
    if connection.vendor == "sqlite":
        file = tmp_path_factory.mktemp("migrated") / "migrated.sqlite3"
        with django_db_blocker.unblock(), closing(sqlite3.connect(file)) as target:
            connection.ensure_connection()
            connection.connection.backup(target)
        yield lambda name: shutil.copy(file, name)
        return
    name = connection.settings_dict["NAME"]
    template = f"{name}_migrated"
    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
        connection.close()
        on_server(connection, f"DROP DATABASE IF EXISTS {template}")  # of a run that was killed
        on_server(connection, f"CREATE DATABASE {template} TEMPLATE {name}")

    def sql_flush(operations, style, tables, **options):
        return ["; ".join(f"DELETE FROM {operations.quote_name(table)}" for table in tables)] if tables else []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(connection.ops), "sql_flush", sql_flush)
        yield lambda name: on_server(connection, f"CREATE DATABASE {name} TEMPLATE {template}")
    with django_db_blocker.unblock():
        on_server(connection, f"DROP DATABASE {template}")


@pytest.fixture
def migrated(django_db_setup, tmp_path):
    """The URL of a SQLite database of its own that is migrated, for processes."""
    if connection.vendor != "sqlite":
        pytest.skip("a matter of SQLite, in the run on SQLite")
    django_db_setup(tmp_path / "db.sqlite3")
    return f"sqlite:///{tmp_path / 'db.sqlite3'}"


@pytest.fixture(scope="module")
def kept(django_db_setup, django_db_blocker):
    """Lets a fixture of a whole file make rows: what a test changes is taken back after it, and all after the last.

    Only where every test wants them, and has a transaction of its own around it.
    """
    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def staff_client(client, db):
    """Logs in a new member of staff who has these permissions and no other; gives the client."""

    def log_in(*codenames):
        client.force_login(user_with(*codenames, is_staff=True))
        return client

    return log_in


@pytest.fixture
def client_with(db):
    """An API client of a new user who has these permissions and no other."""

    def make(*codenames):
        client = APIClient()
        client.force_login(user_with(*codenames))
        return client

    return make


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Before any fixture: a database is made for no test that is left out."""
    for marker, names in needs.OF_MARKERS.items():
        if item.get_closest_marker(marker):
            for name in names:
                needs.require(name)
