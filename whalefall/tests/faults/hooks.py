"""The Celery application and the site of the fault tests: the product's own, with places where it can be stopped.

A test leaves an order, a file named POINT@WHO whose text is what to do. The first process that comes to the
point takes it (the file then ends in .taken) and obeys; an order that ends in .always is for all of them.

prerun@TASK                 before the body of a task
begun@PERIOD.INSTANCE       in the chunk that begins with the instance: records running, no transaction
written@PERIOD.INSTANCE     its rows are written, in a savepoint
reported@PERIOD.INSTANCE    exactly before its commit
committed@PERIOD.INSTANCE   exactly after it
measured@INSTANCE           its sizes have been collected, nothing is stored
"""

import json
import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import django
from django.utils.module_loading import import_string

from whalefall.celery import app

django.setup()

from celery.signals import task_postrun, task_prerun, worker_ready  # noqa: E402

from capacity.aggregation.chunks import ChunkRunner  # noqa: E402
from capacity.aggregation.progress import ProgressCallbacks  # noqa: E402
from capacity.collection.recording import CollectionRun  # noqa: E402

ORDERS = Path(os.environ["FAULTS_ORDERS"])
PAUSE = float(os.environ.get("FAULTS_PAUSE", 0))  #: seconds in every chunk, twice
HOLD_SECONDS = 60

for name, value in json.loads(os.environ.get("FAULTS_CONSTANTS", "{}")).items():
    module, _dot, constant = name.rpartition(".")
    import_string(name)  # a constant that was renamed is an error
    setattr(sys.modules[module], constant, value)
for name, value in json.loads(os.environ.get("FAULTS_CELERY", "{}")).items():
    app.conf[name] = {**app.conf[name], **value} if isinstance(app.conf[name], dict) else value


def hold(order):
    deadline = time.monotonic() + HOLD_SECONDS
    while order.exists() and time.monotonic() < deadline:
        time.sleep(0.02)


def obey(action, order):
    match action:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "freeze":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "hold":
            hold(order)
        case "exit":
            raise SystemExit(1)
        case "interrupt":
            raise KeyboardInterrupt
        case _:
            raise AssertionError(action)


def come_to(point, who):
    name = f"{point}@{who}"
    order, always, taken = (ORDERS / f"{name}{suffix}" for suffix in ("", ".always", ".taken"))
    if always.exists():
        obey(always.read_text(), always)
    with suppress(FileNotFoundError):
        order.rename(taken)
        obey(taken.read_text(), taken)


def place(period, chunk):
    return f"{period.type}.{chunk[0].name}"


real_run, real_savepoint, real_report = ChunkRunner.run, ChunkRunner._savepoint, ChunkRunner._report


def run(self, chunk):
    def begun(_refs):
        time.sleep(PAUSE)
        come_to("begun", place(self.period, chunk))

    told = replace(self, callbacks=self.callbacks.then(ProgressCallbacks(on_start=begun)))
    results = real_run(told, chunk)
    come_to("committed", place(self.period, chunk))
    return results


def savepoint(self, part):
    results = real_savepoint(self, part)
    time.sleep(PAUSE)
    come_to("written", place(self.period, part))
    return results


def report(self, results):
    real_report(self, results)
    first = min(results, key=lambda result: result.instance_id)
    come_to("reported", f"{self.period.type}.{first.instance_name}")


ChunkRunner.run, ChunkRunner._savepoint, ChunkRunner._report = run, savepoint, report

real_take = CollectionRun._take


def take(self, instance, future):
    come_to("measured", instance.name)
    real_take(self, instance, future)


CollectionRun._take = take


@worker_ready.connect
def ready(**kwargs):
    (ORDERS / "ready").touch()


@task_prerun.connect
def begin(task_id, task, **kwargs):
    (ORDERS / f"running.{task_id}.{os.getpid()}").touch()
    with (ORDERS / "begun-tasks").open("a") as told:
        told.write(f"{task.name} {task_id}\n")
    come_to("prerun", task.name)


@task_postrun.connect
def end(task_id, **kwargs):
    (ORDERS / f"running.{task_id}.{os.getpid()}").unlink(missing_ok=True)
