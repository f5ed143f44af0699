import os
import random
from collections import Counter

import pytest
from django.db import connection

from sync_sessions.models import SyncSession

from .fleet import Fleet, Watch, done_twice, missing_rows, strange_rows, terminate_others, torn_chunks
from .stack import LEASE, RedisServer, Stack, wait_until

#: How many rounds of the faults that strike at random; `make faults` asks for more. Another seed, other moments.
REPEATS = int(os.environ.get("FAULT_REPEATS", 1))
SEED = os.environ.get("FAULT_SEED", "whale")
LOST, TOO_MANY, TORN = "rows lost", "rows too many or done twice", "chunks half-written"
WITHOUT_ROWS, STILL_RUNNING = "records completed without their rows", "sessions still running after lease + 60 s"
SERVER_ERRORS = "unexpected 5xx"


class Tally:
    """What was injected, and what was seen of that which may not happen."""

    def __init__(self):
        self.injected, self.bad = (
            Counter(),
            Counter(dict.fromkeys((LOST, TOO_MANY, TORN, WITHOUT_ROWS, STILL_RUNNING, SERVER_ERRORS), 0)),
        )

    def add(self, kind, times=1):
        self.injected[kind] += times

    def saw(self, bad):
        self.bad.update(bad)

    def line(self):
        kinds = ", ".join(f"{kind} x {times}" for kind, times in sorted(self.injected.items()))
        seen = ", ".join(f"{number} {what}" for what, number in self.bad.items())
        return f"{sum(self.injected.values())} faults injected ({kinds}): {seen}"


TALLY = Tally()


def pytest_runtest_setup(item):
    if item.get_closest_marker("postgresql") and connection.vendor != "postgresql":
        pytest.skip("needs DATABASE_URL to name a PostgreSQL")


def pytest_terminal_summary(terminalreporter):
    if TALLY.injected:
        terminalreporter.section("faults")
        terminalreporter.write_line(TALLY.line())


@pytest.fixture
def tally():
    return TALLY


@pytest.fixture
def repeats():
    return REPEATS


@pytest.fixture
def chance():
    return random.Random(SEED)


@pytest.fixture(scope="session")
def redis(tmp_path_factory):
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def stack(redis, tmp_path, transactional_db, settings):
    """No process yet but Redis, which is empty."""
    settings.WHALEFALL_SESSION_LEASE = LEASE
    settings.WHALEFALL_CATCH_UP_DAYS = 3660
    redis.flush()
    stack = Stack(redis, tmp_path)
    try:
        yield stack
    finally:
        stack.close()
        terminate_others()  # what a killed process was about to do is not waited for


@pytest.fixture
def fleet(transactional_db, settings):
    settings.WHALEFALL_CATCH_UP_DAYS = 3660
    return Fleet()


@pytest.fixture
def watch(fleet):
    """Sees to it, during the whole test, that rows and completed records go together."""
    with Watch() as watch:
        yield watch
    assert watch.error is None
    assert watch.looks


@pytest.fixture
def settled(stack, fleet, tally, watch):
    """Waits for the end of everything and compares it with an undisturbed run."""

    def settle():
        def is_idle():
            return not (stack.redis.waiting() or SyncSession.objects.open().exists())

        try:
            wait_until(is_idle, LEASE + 60, "the end of all runs", stable=0.5)
        except pytest.fail.Exception:
            tally.saw({STILL_RUNNING: SyncSession.objects.open().count()})
            raise
        found, seen = fleet.rows(), [watch.seen.pop() for _ in list(watch.seen)]
        bad = {
            LOST: missing_rows(fleet.expected, found),
            TOO_MANY: strange_rows(fleet.expected, found) + done_twice(),
            TORN: torn_chunks() + seen.count(False),
            WITHOUT_ROWS: seen.count(True),
        }
        tally.saw(bad)
        assert found == fleet.expected
        assert not any(bad.values()), bad

    return settle
