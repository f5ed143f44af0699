"""What the system checks say as a process starts: of a database that does not answer, and of another zone."""

import sqlite3

import pytest

from .starts import manage, python

pytestmark = pytest.mark.unit

CLOSED_PORT = {"DATABASE_URL": "postgres://whalefall:geheim@127.0.0.1:1/capacity"}


def test_a_database_that_does_not_answer_is_a_remark_for_a_check():
    checked = manage("check", "--fail-level", "WARNING", **CLOSED_PORT)
    assert checked.returncode == 0
    assert "(whalefall.I001) The database cannot be used" in checked.stderr
    assert "geheim" not in checked.stderr


def test_a_database_that_does_not_answer_stops_what_needs_it():
    for started in (manage("migrate", **CLOSED_PORT), python("-c", "import whalefall.wsgi", **CLOSED_PORT)):
        assert started.returncode != 0
        assert "(whalefall.E004) The database cannot be used" in started.stderr
        assert "geheim" not in started.stderr


@pytest.fixture
def samples_of_another_zone(tmp_path):
    """The URL of a SQLite database with nothing but the state of its samples."""
    file = tmp_path / "samples.sqlite3"
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE capacity_state (id INTEGER, time_zone TEXT)")
        database.execute("INSERT INTO capacity_state VALUES (1, 'Europe/Berlin')")
    database.close()
    return {"DATABASE_URL": f"sqlite:///{file}"}


@pytest.mark.parametrize(
    "start",
    [
        ["-c", "import whalefall.wsgi"],
        ["manage.py", "migrate"],
        ["manage.py", "runserver", "--noreload", "127.0.0.1:0"],
    ],
    ids=["web server", "migrate", "runserver"],
)
def test_another_zone_stops_every_start(samples_of_another_zone, start):
    started = python(*start, **samples_of_another_zone)
    assert started.returncode != 0
    assert "Set WHALEFALL_TIME_ZONE=Europe/Berlin." in started.stderr


def test_a_web_server_starts_in_the_zone_of_the_samples_and_holds_no_connection(samples_of_another_zone):
    program = "import whalefall.wsgi; from django.db import connection; print(connection.connection)"
    started = python("-c", program, **samples_of_another_zone, WHALEFALL_TIME_ZONE="Europe/Berlin")
    assert (started.stdout, started.stderr) == ("None\n", "")
