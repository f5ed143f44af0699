"""The Celery application. `celery -A whalefall worker` and `celery -A whalefall beat`."""

import os
import sys
from typing import Any

from celery import Celery
from celery.signals import beat_init, setup_logging, task_postrun, task_prerun, worker_init
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from structlog.contextvars import bind_contextvars, clear_contextvars

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "whalefall.settings")

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
