"""The Celery application. `celery -A whalefall worker` and `celery -A whalefall beat`."""

import os
import sys
import time
from typing import Any

from celery import Celery
from celery.signals import beat_init, heartbeat_sent, setup_logging, task_postrun, task_prerun, worker_init
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from structlog import get_logger
from structlog.contextvars import bind_contextvars, clear_contextvars

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "whalefall.settings")

log = get_logger(__name__)

app = Celery("whalefall")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_logging(**kwargs: Any) -> None:
    """Having a receiver is enough: Celery leaves Django's LOGGING as it is."""


@task_prerun.connect
def bind_task(task_id: str, task: Any, **kwargs: Any) -> None:
    """Every line that a task writes says which one it is from."""
    bind_contextvars(task_id=task_id, task=task.name)


@task_postrun.connect
def unbind_task(**kwargs: Any) -> None:
    clear_contextvars()


@worker_init.connect
@beat_init.connect
def check(**kwargs: Any) -> None:
    """A wrong time zone or database stops a worker and beat as it stops the site."""
    try:
        with open(os.devnull, "w") as quiet:
            call_command("check", databases=["default"], stdout=quiet)
    except SystemCheckError as error:
        # Celery would log an exception of a receiver, and go on.
        sys.exit(str(error))


@worker_init.connect
def reap(**kwargs: Any) -> None:
    """What a worker that died has left is failed as soon as its lease is over, at the latest by the next start."""
    from sync_sessions.services import sync_session_service

    sync_session_service.fail_stale_sessions()


@heartbeat_sent.connect
def say_that_the_worker_lives(**kwargs: Any) -> None:
    """From the process that takes the jobs, so that a long job is no silence."""
    from sync_sessions.choices import Service

    sign_of_life(Service.WORKER)


_next_sign = 0.0


def sign_of_life(service: Any) -> None:
    """Gives one now and then, however often it is called; a database that does not answer stops nobody."""
    from django.db import Error, connection

    from sync_sessions import life

    global _next_sign
    if time.monotonic() < _next_sign:
        return
    _next_sign = time.monotonic() + life.EVERY.total_seconds()
    try:
        life.give_sign(service)
    except Error as error:
        log.warning("life.no_answer", service=str(service), error=str(error))
    finally:
        # Children that are forked meanwhile must not share it, and a broken one is made anew.
        connection.close()
