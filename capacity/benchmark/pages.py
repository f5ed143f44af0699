"""Pages and lists of a large fleet, as gunicorn answers them: one worker, one request at a time."""

import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils.translation import gettext as _

from .figures import Bench, Figures, RunIncomplete
from .filling import execute
from .fleet import last_complete_periods
from .measure import Measured, peak_memory_mb
from .rollups import aggregate, wider

START_SECONDS = 60


class Kind(NamedTuple):
    """Pages with one target."""

    seconds: float  #: of the median
    names: tuple[str, ...]  #: of URLs


KINDS = (
    Kind(0.3, ("admin:index",)),
    Kind(
        0.2,
        (
            "admin:capacity_instance_changelist",
            "admin:capacity_databasesizeaggregation_changelist",
            "admin:capacity_instancesizeaggregation_changelist",
            "admin:sync_sessions_syncsession_changelist",
        ),
    ),
    Kind(
        0.05,
        (
            "instance-list",
            "database-list",
            "sample-list",
            "database-row-list",
            "instance-row-list",
            "sync-session-list",
        ),
    ),
)


def pages(bench: Bench) -> Iterator[Figures]:
    """The dashboard, the lists of the admin and those of the API, of ten times the instances; median and p95."""
    fleet = wider(bench.fleet)
    bench.have(fleet)
    aggregate(last_complete_periods())
    execute("VACUUM (ANALYZE)" if connection.vendor == "postgresql" else "ANALYZE")
    with _served() as (port, process):
        for kind in KINDS:
            for name in kind.names:
                path, work = reverse(name), Measured()
                with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)) as site:
                    _get(site, path)  # templates and plans
                    for _request in range(bench.requests):
                        begun = time.perf_counter()
                        _get(site, path)
                        work.seconds.append(time.perf_counter() - begun)
                work.peak_mb = max(map(peak_memory_mb, _workers(process.pid)), default=0)
                yield Figures("pages", work, seconds_target=kind.seconds, note=path)
    execute("DELETE FROM django_session")


_headers: dict[str, str] = {}


def _get(site: http.client.HTTPConnection, path: str) -> None:
    site.request("GET", path, headers=_headers)
    answer = site.getresponse()
    body = answer.read()
    if answer.status != 200:
        text = _("%(path)s answers %(status)d: %(body)s")
        shown = body[:300].decode(errors="replace")
        raise RunIncomplete(text % {"path": path, "status": answer.status, "body": shown})


@contextmanager
def _served() -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Serves the (scratch) database; gives the port and the process. Somebody who may do all is logged in."""
    user, client = get_user_model().objects.create_superuser("benchmark-pages"), Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    _headers["Cookie"] = f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"
    _headers["X-Forwarded-Proto"] = "https"
    listening = socket.create_server(("127.0.0.1", 0))
    module, _dot, name = settings.WSGI_APPLICATION.rpartition(".")
    process = subprocess.Popen(
        ["env", f"DATABASE_URL={_database_url()}", "ALLOWED_HOSTS=127.0.0.1", sys.executable, "-m", "gunicorn"]
        + [f"{module}:{name}", "--bind", f"fd://{listening.fileno()}", "--workers=1"]
        + ["--threads=2", "--no-control-socket", "--log-level=error"],
        cwd=settings.BASE_DIR,
        pass_fds=[listening.fileno()],
        stdout=subprocess.DEVNULL,
    )
    port = listening.getsockname()[1]
    listening.close()  # gunicorn alone has it now: nobody waits for one that has not started
    try:
        _wait(port)
        yield port, process
    finally:
        process.terminate()
        process.wait()


def _wait(port: int) -> None:
    """For the first answer. The socket is open already, so that the request waits as well."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)) as site:
        try:
            _get(site, "/healthz")
        except OSError as error:
            raise RunIncomplete(_("gunicorn does not answer: %(error)s") % {"error": error}) from error


def _database_url() -> str:
    """Of the (scratch) database that this process is connected to."""
    found = {key: quote(str(value or ""), safe="") for key, value in connection.settings_dict.items()}
    if connection.vendor == "sqlite":
        return f"sqlite:///{connection.settings_dict['NAME']}"
    login = f"{found['USER']}:{found['PASSWORD']}".rstrip(":")
    return f"postgres://{login}@{found['HOST']}:{found['PORT'] or 5432}/{found['NAME']}"


def _workers(pid: int) -> list[int]:
    """The children of gunicorn's first process; Linux alone tells."""
    if sys.platform != "linux":
        return []
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
