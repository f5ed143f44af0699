"""Who else is there: a person at the terminal, another process at the same database."""

from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from time import sleep

from django.db import connection


class Terminal(StringIO):
    """In place of sys.stdin: somebody types this text."""

    def isatty(self):
        return True


def start_beside(function):
    """Starts it on a connection of its own; returns its future once a lock of ours keeps it waiting."""

    def work():
        try:
            return function()
        finally:
            connection.close()

    pool = ThreadPoolExecutor(1)
    future = pool.submit(work)
    pool.shutdown(wait=False)
    for _n in range(30):
        sleep(0.02)  # SQLite does not tell who waits
        if future.done():
            break
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))")
                if cursor.fetchone():
                    break
    return future


def wait_until_blocked(future):
    """Until the other one waits for a lock that we hold, or has got by without. SQLite does not tell."""
    for _n in range(30):
        sleep(0.02)
        if future.done():
            return
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))")
                if cursor.fetchone():
                    return
