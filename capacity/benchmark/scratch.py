"""A database for measuring, beside the configured one."""

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor


@contextmanager
def scratch_database() -> Iterator[BaseDatabaseWrapper]:
    """Makes a database on the configured server, migrates it, and drops it at the end, whatever happens.

    Meanwhile it is the default connection of this thread. The configured database is not touched: its
    connection is set aside and put back. On SQLite the database is a file in a temporary directory. SIGTERM ends this
    process as Ctrl-C does.
    """
    configured = connections[DEFAULT_DB_ALIAS]
    name = f"whalefall_bench_{os.getpid()}"
    with tempfile.TemporaryDirectory(prefix=name) as directory:
        is_file = configured.vendor == "sqlite"
        scratch = type(configured)(
            {**configured.settings_dict, "NAME": str(Path(directory) / f"{name}.sqlite3") if is_file else name}
        )
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            connections[DEFAULT_DB_ALIAS] = scratch
            make(scratch)
            yield scratch
        finally:
            signal.signal(signal.SIGTERM, before)
            connections[DEFAULT_DB_ALIAS] = configured
            scratch.close()
            if not is_file:
                on_server(scratch, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def make(scratch: BaseDatabaseWrapper) -> None:
    """Creates this database, with all tables."""
    if scratch.vendor != "sqlite":  # there a file is made by who opens it
        on_server(scratch, f"CREATE DATABASE {scratch.settings_dict['NAME']}")
    executor = MigrationExecutor(scratch)
    # Not the migrate command: its signals would fill caches (content types) with this database's keys.
    executor.migrate(executor.loader.graph.leaf_nodes())


def on_server(connection: BaseDatabaseWrapper, sql: str) -> None:
    """Executes a statement on the server of this database while connected to none of its own: CREATE DATABASE."""
    with connection._nodb_cursor() as cursor:
        cursor.execute(sql)
