"""A pooler between: it gets its connection back as it was."""

import os
import shutil
import subprocess
import tempfile
import time
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from django.urls import reverse

from capacity.models import DbType
from capacity.tests import servers
from capacity.tests.factories import make_instance
from capacity.tests.servers import HOST, POSTGRESQL_PORT, measured, opened
from whalefall.tests import needs

pytestmark = pytest.mark.live
SETTINGS = ("default_transaction_read_only", "statement_timeout", "lock_timeout", "search_path", "datestyle")


@pytest.fixture(scope="module")
def pooler():
    """The port of a PgBouncer in transaction mode with one connection, which everybody shares."""
    needs.require("pgbouncer")
    with tempfile.TemporaryDirectory() as directory:
        yield from run(Path(directory), servers.closed_port())


def run(directory, port):
    directory.chmod(0o777)  # it gives up the rights of root
    (directory / "users").write_text('"postgres" ""\n"mon" "m"\n')
    (directory / "ini").write_text(
        f"[databases]\npostgres = host={HOST} port={POSTGRESQL_PORT} dbname=postgres user=postgres\n"
        f"[pgbouncer]\nlisten_addr = {HOST}\nlisten_port = {port}\nauth_type = trust\nauth_file = {directory}/users\n"
        f"pool_mode = transaction\ndefault_pool_size = 1\nunix_socket_dir =\nlogfile = {directory}/log\n"
    )
    as_nobody = [] if os.getuid() else ["-u", "nobody"]
    command = [shutil.which("pgbouncer"), "-q", *as_nobody, str(directory / "ini")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        for _attempt in range(100):
            try:
                settings(port)
                break
            except psycopg2.OperationalError:
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


def settings(port):
    """Of the pooled connection, and which one it is."""
    with closing(psycopg2.connect(host=HOST, port=port, user="postgres", dbname="postgres")) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()," + ",".join(f"current_setting('{name}')" for name in SETTINGS))
            return cursor.fetchone()


def test_a_measurement_leaves_nothing_behind_in_a_pooled_connection(pooler):
    before = settings(pooler)

    measurement = measured(DbType.POSTGRESQL, port=pooler, user="mon", password="m")

    assert {size.database_name for size in measurement.databases} >= {"postgres"}
    assert settings(pooler) == before


@pytest.mark.django_db
def test_neither_does_the_test_of_a_connection(pooler, admin_client):
    instance = make_instance(host=HOST, port=pooler, username="mon", password="m")
    before = settings(pooler)

    fields = {"name": "pooled", "db_type": "postgresql", "host": HOST, "port": pooler, "username": "mon"}
    page = admin_client.post(reverse("admin:capacity_instance_test_connection", args=[instance.pk]), fields)

    assert b"Connected: version" in page.content
    assert settings(pooler) == before


@pytest.mark.parametrize("statement", ["SELECT 1 / 0", "SELECT pg_sleep(20)", "CREATE TABLE written (id int)"])
def test_neither_does_a_statement_that_ends_with_an_error(pooler, statement):
    before = settings(pooler)

    login = {"port": pooler, "user": "mon", "password": "m", "statement_timeout": 0.1}
    with opened(DbType.POSTGRESQL, **login) as server, pytest.raises(psycopg2.Error):
        server._rows(statement)

    assert settings(pooler) == before
