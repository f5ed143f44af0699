"""Settings come from the environment; a wrong one stops the start with a sentence that says what to set."""

import json
import re
import shutil

import pytest

from .starts import FIELD_KEY, PRODUCTION, ROOT, manage, python

pytestmark = pytest.mark.unit
MEMORY = {"DATABASE_URL": "sqlite://:memory:"}


def test_without_any_variable_it_starts_in_embedded_mode():
    shown = manage("shell", "-v0", "-c", "from django.conf import settings as s; print(s.DEBUG, s.DATABASES)")
    assert shown.stdout.startswith("True ")
    assert "whalefall.sqlite3" in shown.stdout
    assert shown.returncode == 0


@pytest.mark.parametrize("blank", ["", "  "])
def test_a_blank_variable_is_one_that_is_not_set(blank):
    names = re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    started = manage("check", **dict.fromkeys(names, blank) | MEMORY)
    assert started.returncode == 0, started.stderr


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("DEBUG", "maybe", "DEBUG is 'maybe': set true or false."),
        ("WHALEFALL_AGGREGATION_ENABLED", "2", "WHALEFALL_AGGREGATION_ENABLED is '2': set true or false."),
        ("WHALEFALL_CHUNK_SIZE", "abc", "WHALEFALL_CHUNK_SIZE is 'abc': set a whole number from 1 to 5000."),
        ("WHALEFALL_CHUNK_SIZE", "0", "WHALEFALL_CHUNK_SIZE is '0': set a whole number from 1 to 5000."),
        ("WHALEFALL_CHUNK_SIZE", "1_0", "WHALEFALL_CHUNK_SIZE is '1_0': set a whole number from 1 to 5000."),
        (
            "WHALEFALL_SESSION_LEASE",
            "1.5",
            "WHALEFALL_SESSION_LEASE is '1.5': set a whole number of seconds from 3 to 3600.",
        ),
        (
            "WHALEFALL_QUEUE_LIMIT",
            "-1",
            "WHALEFALL_QUEUE_LIMIT is '-1': set a whole number of seconds from 1 to 604800.",
        ),
        (
            "WHALEFALL_TIME_ZONE",
            "Asia/Atlantis",
            "WHALEFALL_TIME_ZONE is 'Asia/Atlantis': set the name of a time zone such as Asia/Shanghai or "
            "Europe/Berlin.",
        ),
        (
            "WHALEFALL_TIME_ZONE",
            "../etc/passwd",
            "WHALEFALL_TIME_ZONE is '../etc/passwd': set the name of a time zone such as Asia/Shanghai or "
            "Europe/Berlin.",
        ),
        (
            "WHALEFALL_COLLECT_NETWORKS",
            "10.0.0.0/8, db.example",
            "WHALEFALL_COLLECT_NETWORKS is '10.0.0.0/8, db.example': set networks in CIDR form separated by commas, "
            "such as 10.0.0.0/8.",
        ),
        (
            "ALLOWED_HOSTS",
            "https://whalefall.example",
            "ALLOWED_HOSTS is 'https://whalefall.example': set the host names of the site separated by commas, "
            "without https://, port or path.",
        ),
    ],
)
def test_a_wrong_value_stops_the_start_with_a_sentence(name, value, sentence):
    started = manage("check", **MEMORY, **{name: value})
    assert started.returncode != 0
    assert sentence in started.stderr


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "mysql://root:geheim@127.0.0.1/capacity",
        "sqlite://geheim.sqlite3",
        "postgres://whalefall:geheim@127.0.0.1:port/capacity",
        "postgres://whalefall:ge/heim@127.0.0.1/capacity",
        "postgres://whalefall:geheim@127.0.0.1",
        "postgres://whalefall:geheim@[::1/capacity",
    ],
)
def test_a_database_url_that_cannot_be_used_stops_the_start_without_showing_its_password(url):
    started = manage("check", DATABASE_URL=url)
    assert started.returncode != 0
    assert "DATABASE_URL cannot be used: set sqlite:////PATH/OF/FILE or postgres://USER:PASSWORD" in started.stderr
    assert "geheim" not in started.stderr + started.stdout


@pytest.mark.parametrize("keys", ["geheim", f"{FIELD_KEY},geheim"])
def test_a_bad_field_key_stops_the_start_without_showing_it(keys):
    started = manage("check", **MEMORY, WHALEFALL_FIELD_KEYS=keys)
    assert started.returncode != 0
    assert "WHALEFALL_FIELD_KEYS cannot be used: set Fernet keys (32 bytes in URL-safe base64)" in started.stderr
    assert "geheim" not in started.stderr + started.stdout


@pytest.mark.parametrize("name", ["SECRET_KEY", "ALLOWED_HOSTS", "WHALEFALL_FIELD_KEYS"])
def test_production_does_not_start_without_what_it_needs(name):
    started = manage("check", **MEMORY, **PRODUCTION | {name: ""})
    assert started.returncode != 0
    assert f"{name} is not set: production (DEBUG=false) needs it." in started.stderr


def test_production_passes_the_deployment_checks():
    started = manage("check", "--deploy", "--fail-level", "WARNING", **MEMORY, **PRODUCTION)
    assert started.returncode == 0
    assert "WARNINGS:" not in started.stderr  # that no mail goes out without EMAIL_URL is said, and is no warning


def test_options_in_a_postgresql_url_are_kept_beside_our_own():
    url = "postgres://whalefall@db.example/capacity?sslmode=require"
    program = "from whalefall import settings; print(settings.DATABASE['OPTIONS'])"
    shown = python("-c", program, DATABASE_URL=url, WHALEFALL_SESSION_LEASE="30").stdout
    assert "'sslmode': 'require'" in shown
    assert "lock_timeout=10000 -c idle_in_transaction_session_timeout=20000" in shown


def test_lists_are_read_without_their_blanks():
    program = "from whalefall import settings as s; print(s.ALLOWED_HOSTS, s.WHALEFALL_COLLECT_NETWORKS)"
    shown = python(
        "-c", program, ALLOWED_HOSTS=" a.example, [::1],", WHALEFALL_COLLECT_NETWORKS="10.0.0.0/8 ,fd00::/8"
    )
    assert shown.stdout == "['a.example', '[::1]'] ['10.0.0.0/8', 'fd00::/8']\n"


def test_the_example_file_names_every_setting_and_no_other():
    asked = re.findall(r'= \w+\(\s*"([A-Z_]+)"[,)]', (ROOT / "whalefall" / "settings.py").read_text())
    named = re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert sorted(named) == sorted(asked)


@pytest.fixture
def checkout(tmp_path):
    """A copy of the source with a .env; gives what importing the settings there prints of the chunk size."""
    for package in ("whalefall", "sync_sessions"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("tests", "__pycache__"))

    def load(env_file, *, in_tests=False, **variables):
        (tmp_path / ".env").write_text(env_file)
        program = "from whalefall import settings as s; print(s.WHALEFALL_CHUNK_SIZE)"
        if not in_tests:
            program = f"import os; del os.environ['PYTEST_VERSION']; {program}"
        return python("-c", program, root=tmp_path, **variables)

    return load


def test_the_env_file_is_read(checkout):
    assert checkout("# mine\n\nWHALEFALL_CHUNK_SIZE=7\n").stdout == "7\n"


def test_the_environment_beats_the_env_file(checkout):
    assert checkout("WHALEFALL_CHUNK_SIZE=7\n", WHALEFALL_CHUNK_SIZE="8").stdout == "8\n"


def test_the_env_file_is_not_read_in_tests(checkout):
    assert checkout("WHALEFALL_CHUNK_SIZE=7\n", in_tests=True).stdout == "200\n"


@pytest.mark.parametrize("line", ["DEBUG = false", "DEBUG: false", " DEBUG=false"])
def test_a_line_of_the_env_file_that_would_be_passed_over_stops_the_start(checkout, line):
    started = checkout(f"WHALEFALL_CHUNK_SIZE=7\n{line}\n")
    assert started.returncode != 0
    assert ".env, line 2: write NAME=value, without blanks around the =." in started.stderr


def logged(program, **variables):
    """What a program logs, line by line."""
    started = python("-W", "error", "manage.py", "shell", "-v0", "-c", program, **MEMORY, **variables)
    assert started.returncode == 0, started.stderr
    return started.stderr.splitlines()


def test_production_logs_one_json_object_per_event_with_what_is_bound():
    [line] = logged(
        "import structlog\n"
        "from django.utils.translation import gettext_lazy\n"
        "structlog.contextvars.bind_contextvars(session_id='s1')\n"
        "structlog.get_logger('capacity').info('run.ended', period='daily', text=gettext_lazy('Daily'))",
        **PRODUCTION,
    )
    event = json.loads(line)
    assert event.pop("timestamp").endswith("Z")
    assert event == {
        "event": "run.ended",
        "level": "info",
        "logger": "capacity",
        "period": "daily",
        "session_id": "s1",
        "text": "Daily",
    }


def test_production_logs_a_traceback_of_any_library_as_one_json_object():
    [line] = logged(
        "import logging\n"
        "try:\n    1 / 0\n"
        "except ZeroDivisionError:\n    logging.getLogger('celery').exception('lost %s', 1)",
        **PRODUCTION,
    )
    event = json.loads(line)
    assert (event["event"], event["level"], event["logger"]) == ("lost 1", "error", "celery")
    assert event["exception"].endswith("ZeroDivisionError: division by zero")


@pytest.mark.parametrize("mode", [{}, PRODUCTION], ids=["development", "production"])
def test_a_line_of_django_is_written_once(mode):
    [line] = logged("import logging; logging.getLogger('django.request').error('Internal error')", **mode)
    assert "Internal error" in line
