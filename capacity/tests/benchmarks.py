"""The benchmark as tests run it: small, and on scratch databases that are copied."""

import os
import shutil
from contextlib import contextmanager
from io import StringIO

from django.core.management import call_command
from django.db import connection

from capacity.benchmark.scratch import on_server, scratch_database


def benchmark(*options):
    """On 2 instances with 2 databases and 8 days."""
    out = StringIO()
    small = ["--instances=2", "--databases=2", "--days=8", "--runs=1", "--rows=40", "--requests=2"]
    call_command("benchmark", *small, *options, stdout=out)
    return out.getvalue()


@contextmanager
def copies_of_one(directory):
    """Has a scratch database migrated once; gives a function that makes others as copies of it."""
    file, name = directory / "migrated.sqlite3", f"whalefall_migrated_{os.getpid()}"
    is_file = connection.vendor == "sqlite"
    with scratch_database() as made:
        made.close()
        of_one = made.settings_dict["NAME"]
        shutil.copy(of_one, file) if is_file else on_server(made, f"CREATE DATABASE {name} TEMPLATE {of_one}")

    def copy(absent):
        of_this = absent.settings_dict["NAME"]
        shutil.copy(file, of_this) if is_file else on_server(absent, f"CREATE DATABASE {of_this} TEMPLATE {name}")

    try:
        yield copy
    finally:
        if not is_file:
            on_server(connection, f"DROP DATABASE {name}")
