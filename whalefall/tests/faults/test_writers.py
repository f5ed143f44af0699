"""Many processes that write the same rows."""

import re
import subprocess
import sys

import pytest
from django.db import connection

from .fleet import deadlocks
from .stack import ROOT, variables

pytestmark = pytest.mark.faults

#: Each process takes another plan, so that the rows would come in another order if the statement left it open.
PLANS = ("enable_hashagg", "enable_sort", "enable_indexscan", "enable_hashjoin")
ROLL_UP = """
import sys
import django
django.setup()
from django.db import connection
from capacity.periods import parse_periods, today
from capacity.aggregation.due import stale_periods
from capacity.aggregation.service import AggregationService
from capacity.models import Instance
plan, times = sys.argv[1], int(sys.argv[2])
periods = stale_periods(parse_periods(None), today())
with connection.cursor() as cursor:
    cursor.execute(f"SET {plan} = off")
    cursor.execute("SET deadlock_timeout = '50ms'")
input()
for _time in range(times):
    for period in periods:
        summary = AggregationService().calculate_period_aggregations(period.type, period=period)
        assert summary.status in ("completed", "skipped"), summary
"""
WRITER = """
import sys
from datetime import datetime, timedelta, timezone
import django
django.setup()
from capacity.periods import Period
from capacity.aggregation.orchestrator import AggregationOrchestrator
from capacity.collection.ingest import Sample, ingest
from capacity.models import Instance
number, times = int(sys.argv[1]), int(sys.argv[2])
own = Instance.objects.create(name=f"own-{number}", db_type="mysql")
shared = Instance.objects.get(name="shared")
input()
for n in range(times):
    at = datetime(2025, 3, 30, n % 24, number, tzinfo=timezone.utc)
    ingest([Sample(one.pk, f"db{number}", at, 1000) for one in (own, shared)])
    period = Period.containing("daily", at.date())
    run = AggregationOrchestrator().run(period, "all", instances=[own], sync_type="manual_single")
    assert run.session.status == "completed", run
"""


def together(script, arguments, **environment):
    """Runs the script once per list of arguments, all at the same time; gives what went wrong, by process."""
    children = []
    try:
        for own in arguments:
            child = subprocess.Popen(
                [sys.executable, "-c", script, *own],
                cwd=ROOT,
                env=environment | {"DJANGO_SETTINGS_MODULE": "whalefall.settings"},
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            children.append(child)
        for child in children:
            child.stdin.write("now\n")
            child.stdin.flush()
        ended = [child.communicate(timeout=120) for child in children]
    finally:
        for child in children:
            child.kill()
            child.wait(timeout=20)
    return [(child.returncode, error) for child, (_output, error) in zip(children, ended, strict=True)]


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_runs_over_the_same_rows_do_not_deadlock(fleet, tally, repeats):
    before = deadlocks()
    ended = together(ROLL_UP, [[plan, str(5 * repeats)] for plan in PLANS], **variables(WHALEFALL_CHUNK_SIZE=200))
    tally.add("runs over the same rows", len(PLANS) * 5 * repeats)

    assert [code for code, _error in ended] == [0] * len(PLANS), ended
    assert deadlocks() - before == 0
    assert fleet.rows() == fleet.expected


@pytest.mark.skipif(connection.vendor != "sqlite", reason="a matter of SQLite, in the run on SQLite")
def test_six_writers_on_sqlite_never_find_it_locked(tmp_path, tally, repeats):
    environment = variables(DATABASE_URL=f"sqlite:///{tmp_path}/six.sqlite3")
    make = "from django.core.management import call_command as call; import django; django.setup(); " + (
        "call('migrate', verbosity=0); from capacity.models import Instance; "
        "Instance.objects.create(name='shared', db_type='mysql'); input()"
    )
    assert together(make, [[]], **environment)[0][0] == 0
    times = 4 * repeats
    ended = together(WRITER, [[str(number), str(times)] for number in range(6)], **environment)
    tally.add("writer beside five others on SQLite", 6 * times)

    assert not re.search("locked", "".join(error for _code, error in ended))
    assert [code for code, _error in ended] == [0] * 6, ended
