"""Trying a connection while a person waits."""

import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event

import structlog
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from capacity.errors import CapacityError
from capacity.models import DbType
from capacity.runs.faults import describe
from sync_sessions.common.gates import Busy, Gate

from .sources import ADAPTERS, Measurement, Target, measure

#: Each holds a thread of the site while a server that says nothing is waited for.
PROBES = Gate(3, gettext_lazy("Other connections are being tried at the moment: try again in a few seconds."), 10)

log = structlog.get_logger(__name__)

#: In seconds. A server that takes longer in all is measured all right by a collection, which waits longer.
CONNECT, STATEMENT, BUDGET, LIMIT = 3, 5, 10, 20


@dataclass(frozen=True)
class Probe:
    """What came of it: a measurement, or a sentence why there is none; `pushed` when nothing can be tried."""

    measurement: Measurement | None = None
    reason: str = ""
    pushed: bool = False


def probe(db_type: str, host: str, port: int | None, user: str, password: str, database: str) -> Probe:
    """Measures a server as a collection would, within LIMIT seconds; stores nothing and does not touch the database.

    The password is in no text that comes back and in no log.
    """
    if db_type not in ADAPTERS:
        name = DbType(db_type).label
        text = _("WhaleFall does not connect to %(engine)s: push its samples by API or CSV.")
        return Probe(reason=text % {"engine": name}, pushed=True)
    if not host:
        return Probe(reason=_("Without a host there is nothing to connect to: samples are pushed."), pushed=True)
    target = Target(host, port, user, password, database, CONNECT, STATEMENT, BUDGET)
    try:
        PROBES.enter()
    except Busy as busy:
        return Probe(reason=str(busy))
    stop = Event()
    pool = ThreadPoolExecutor(1, thread_name_prefix="probe")
    measuring = pool.submit(measure, ADAPTERS[db_type], target, stop)
    # Not when the page has been answered: one that was given up holds its thread and socket a while longer.
    measuring.add_done_callback(lambda _: PROBES.leave())
    try:
        return Probe(measuring.result(LIMIT))
    except TimeoutError:
        return Probe(reason=_("No answer within %(seconds)d s.") % {"seconds": LIMIT})
    except CapacityError as error:
        return Probe(reason=str(error))
    except Exception as error:
        # Without the variables that a logged exception shows in development: the password is among them.
        log.error("probe.unexpected_error", host=host, traceback="".join(_without(password, error)))
        return Probe(reason="".join(_hide(password, describe(error))))
    finally:
        # Not waited for: what still hangs on the network ends by its time-outs.
        stop.set()
        pool.shutdown(wait=False, cancel_futures=True)


def _without(password: str, error: Exception) -> list[str]:
    return [_hide(password, line) for line in traceback.format_exception(error)]


def _hide(password: str, text: str) -> str:
    return text.replace(password, "****") if password else text
