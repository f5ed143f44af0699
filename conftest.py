"""What holds for every test of the project."""

import os
import shutil
import threading
import time

import hypothesis
import pytest
from django.db import connection, transaction
from django.test import override_settings
from django.utils import translation
from rest_framework.test import APIClient

from capacity.insight import csv_export
from sync_sessions.common.gates import Gate
from whalefall.tests import needs
from whalefall.tests.people import user_with
from whalefall.tests.starts import manage

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
def django_db_setup(django_db_setup, django_db_blocker):
    """PostgreSQL as it is, but for what makes a test slow without telling anything: it does not wait for the disk, and
    tables are emptied after a test by DELETE, as TRUNCATE makes new files for each of them (0.35 s)."""
    if connection.vendor != "postgresql":
        yield
        return
    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER DATABASE {connection.settings_dict['NAME']} SET synchronous_commit = off")
        connection.close()

    def sql_flush(operations, style, tables, **options):
        return ["; ".join(f"DELETE FROM {operations.quote_name(table)}" for table in tables)] if tables else []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(connection.ops), "sql_flush", sql_flush)
        yield


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory):
    """A SQLite file as `manage.py migrate` leaves it, for others to copy."""
    file = tmp_path_factory.mktemp("migrated") / "migrated.sqlite3"
    done = manage("migrate", "-v0", DATABASE_URL=f"sqlite:///{file}")
    assert (done.returncode, done.stderr) == (0, "")
    return file


@pytest.fixture
def migrated(migrated_file, tmp_path):
    """The URL of a SQLite database of its own that is migrated, for processes."""
    return f"sqlite:///{shutil.copy(migrated_file, tmp_path / 'db.sqlite3')}"


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
