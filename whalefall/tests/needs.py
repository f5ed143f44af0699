"""What the tests need beside Python packages. What is missing leaves its tests out, with a line that says how to
get it; with CI=true it fails them.

`python whalefall/tests/needs.py NAME ...` exits with 0 when those are there, and else prints the line of each that
is not.
"""

import os
import shutil
import sys
from functools import cache
from urllib.parse import urlsplit

import psycopg2
import pymysql
import pytest
import redis

DATABASE_URL = os.environ.get("TEST_DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres")
REDIS_URL = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/0")
MYSQL_PORT = int(os.environ.get("WHALEFALL_TEST_MYSQL_PORT", 3306))
POSTGRESQL_PORT = urlsplit(DATABASE_URL).port or 5432

#: name: how to call it, how to get it
SERVICES = {
    "PostgreSQL": (
        lambda: psycopg2.connect(DATABASE_URL, connect_timeout=3).close(),
        "start one, or set TEST_DATABASE_URL to the URL of one",
    ),
    "Redis": (
        lambda: redis.Redis.from_url(REDIS_URL, socket_connect_timeout=3).ping(),
        "start one, or set TEST_REDIS_URL to the URL of one",
    ),
    "MariaDB": (
        lambda: pymysql.connect(host="127.0.0.1", port=MYSQL_PORT, user="root", connect_timeout=3).close(),
        "start one, or set WHALEFALL_TEST_MYSQL_PORT to the port of one on 127.0.0.1 (user root, no password)",
    ),
}
#: command: the package of Debian that has it
COMMANDS = {
    "chromium": "chromium",
    "xgettext": "gettext",
    "redis-server": "redis-server",
    "faketime": "faketime",
    "pgbouncer": "pgbouncer",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "promtool": "prometheus",
    "prometheus": "prometheus",
    "prometheus-postgres-exporter": "prometheus-postgres-exporter",
    "prometheus-mysqld-exporter": "prometheus-mysqld-exporter",
    "prometheus-node-exporter": "prometheus-node-exporter",
}
#: What the tests with these markers need; others ask for it with require().
OF_MARKERS = {
    "browser": ("chromium",),
    "faults": ("redis-server",),
    "live": ("PostgreSQL", "MariaDB"),
}


@cache
def missing(name: str) -> str:
    """How to get it, in a sentence; blank when it is there. A service is called, once in a process."""
    if name in COMMANDS:
        return "" if shutil.which(name) else f"{name} is not installed: `apt-get install {COMMANDS[name]}`."
    call, how = SERVICES[name]
    try:
        call()
    except (psycopg2.Error, redis.RedisError, pymysql.Error, ValueError) as error:
        return f"{name} does not answer ({' '.join(str(error).split())}): {how}."
    return ""


def require(name: str) -> None:
    """Leaves the test out that is running when this is missing; raises in CI, where nothing may be."""
    if not (sentence := missing(name)):
        return
    if os.environ.get("CI") == "true":
        pytest.fail(sentence, pytrace=False)
    pytest.skip(sentence)


if __name__ == "__main__":
    sentences = [sentence for name in sys.argv[1:] if (sentence := missing(name))]
    print(*(f"Left out: {sentence}" for sentence in sentences), sep="\n", end="\n" if sentences else "")
    sys.exit(bool(sentences))
