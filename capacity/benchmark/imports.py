"""Samples on their way in: a CSV file against the limit, and pushes by the API."""

import json
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.test.utils import override_settings
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext
from rest_framework.test import APIClient

from capacity.models import Instance

from .figures import Bench, Figures, RunIncomplete
from .filling import FLEET_TABLES, RUN_TABLES, empty
from .fleet import TODAY, Fleet
from .import_limit import write_file
from .measure import Measured
from .rows import STORED, compare_with_copy, count_rows, keep_copy

PUSHED = 5000  #: samples, the most that one push takes
HEADER = "instance,database,collected_at,size_bytes,data_size_bytes,log_size_bytes\n"


def imported(bench: Bench) -> Iterator[Figures]:
    """`manage.py import_samples` of a file against the fastest SQL that stores its rows and derives both day rows."""
    fleet, days = bench.fleet, max(bench.import_rows // (bench.fleet.instances * bench.fleet.databases), 1)
    bench.have(Fleet(fleet.instances, fleet.databases, days=0))
    bench.forget()
    work, limit, waits, rows = Measured(), Measured(), [0.0], 0
    written = tuple(table for table in (*RUN_TABLES, *FLEET_TABLES) if table not in ("instances", "capacity_state"))
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "samples.csv")
        with path.open("w") as file:
            file.write(HEADER)
            file.writelines(_lines(fleet, days))
        for _run in range(bench.runs):
            empty(written)
            with _another_writer(waits):
                work.run(lambda: call_command("import_samples", str(path), stdout=StringIO()))
            rows = count_rows(STORED[:1])
            keep_copy(STORED)
            empty(written)
            limit.run(lambda: write_file(path))
            compare_with_copy(STORED)
    if connection.vendor == "sqlite":
        target, note = 2.5, _("another writer waited for %(seconds).1f s (at most 10)") % {"seconds": max(waits)}
    else:
        target, note = 1.5, ""
    yield Figures("import", work, limit, pgettext("of a benchmark", "limit"), rows, ratio_target=target, note=note)


def pushed(bench: Bench) -> Iterator[Figures]:
    """A full push, and one of a single sample, by the API in this process."""
    bench.have(bench.fleet)
    names = list(Instance.objects.order_by("pk").values_list("name", flat=True))
    client = APIClient()
    client.force_authenticate(get_user_model().objects.create_superuser("benchmark-push"))
    moment = datetime.combine(TODAY, datetime.min.time(), timezone.get_default_timezone())

    def body(count: int, at: datetime) -> bytes:
        minutes = range(-(-count // (len(names) * bench.fleet.databases)))
        every = (
            {
                "instance": name,
                "database_name": f"database_{number}",
                "collected_at": (at + timedelta(seconds=minute)).isoformat(),
                "size_bytes": 1_000_000 + number,
            }
            for minute in minutes
            for name in names
            for number in range(1, bench.fleet.databases + 1)
        )
        return json.dumps(list(islice(every, count))).encode()

    def push(samples: bytes) -> None:
        answer = client.post(reverse("sample-list"), samples, content_type="application/json")
        if answer.status_code != 201:
            raise RunIncomplete(answer.content.decode()[:500])

    # The host and the scheme are the client's, not the site's.
    with override_settings(ALLOWED_HOSTS=["testserver"], SECURE_SSL_REDIRECT=False):
        push(body(1, moment))  # imports and caches
        for count, seconds, statements in ((PUSHED, 0.4, None), (1, None, 8)):
            work = Measured()
            for _run in range(bench.runs):
                moment += timedelta(hours=1)
                samples = body(count, moment)
                work.run(partial(push, samples))
            note = ngettext("%(number)s sample", "%(number)s samples", count) % {"number": f"{count:,}"}
            targets: dict[str, Any] = {"seconds_target": seconds, "statements_target": statements}
            yield Figures("push", work, rows=count, note=note, **targets)
    bench.forget()


def _lines(fleet: Fleet, days: int) -> Iterator[str]:
    for day in range(days):
        at = datetime.combine(TODAY - timedelta(days=days - day), datetime.min.time(), timezone.get_default_timezone())
        moment = (at + timedelta(hours=3)).isoformat()
        for instance in range(1, fleet.instances + 1):
            for database in range(1, fleet.databases + 1):
                size = 10**9 + instance * 7919 + database * 104729 + day * 1021
                data, log = (size // 10 * 7, size - size // 10 * 7) if instance % 4 else ("", "")
                yield f"bench-{instance},database_{database},{moment},{size},{data},{log}\n"


@contextmanager
def _another_writer(waits: list[float]) -> Iterator[None]:
    """Meanwhile somebody wants to write to the SQLite file again and again; adds how long that took each time."""
    if connection.vendor != "sqlite":
        yield
        return
    done, name = threading.Event(), connection.settings_dict["NAME"]

    def write() -> None:
        other = sqlite3.connect(name, timeout=600, isolation_level=None)
        while not done.wait(0.05):
            begun = time.monotonic()
            other.execute("BEGIN IMMEDIATE")
            other.execute("ROLLBACK")
            waits.append(time.monotonic() - begun)
        other.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        done.set()
        writer.join()
