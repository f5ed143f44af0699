"""The scheduled half as it runs in production: a worker, beats, a site and a Redis of its own, on loopback.

The database is the one that pytest-django made for this process. Every process has a group of its own and
is killed with it at the end, whatever happened.
"""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from urllib.parse import quote

import pytest
from celery import Celery
from django.db import connection
from redis import Redis
from redis.exceptions import RedisError

from capacity.tests.servers import HOST, closed_port
from whalefall.tests.starts import PRODUCTION, ROOT

LEASE = 3
CHUNK = 4
HOOKS = "whalefall.tests.faults.hooks"
#: What would keep a test waiting for minutes; the product's own values are in its settings.
CONSTANTS = {
    "capacity.runs.faults.BUSY_MARGIN_SECONDS": 0.5,
    "capacity.runs.faults.TRANSIENT_RETRY_SECONDS": 1,
}
CELERY = {"worker_lost_wait": 0.2, "task_annotations": {"*": {"default_retry_delay": 0.2}}}


def wait_until(condition, seconds=30, what="it", stable=0.0):
    """Waits until the condition has been true for `stable` seconds; a failure after `seconds`."""
    deadline, since = time.monotonic() + seconds, None
    while time.monotonic() < deadline:
        if not condition():
            since = None
        else:
            since = since or time.monotonic()
            if time.monotonic() - since >= stable:
                return
        time.sleep(0.02)
    pytest.fail(f"waited {seconds} s in vain for {what}")


def database_url():
    one = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{one['NAME']}"
    login = quote(one["USER"]) + (f":{quote(one['PASSWORD'])}" if one["PASSWORD"] else "")
    return f"postgres://{login}@{one['HOST']}:{one['PORT']}/{one['NAME']}"


def variables(**more):
    """The whole environment of a child; .env is not read, as in every child of pytest."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTEST_VERSION") if name in os.environ}
    product = {
        "DATABASE_URL": database_url(),
        "WHALEFALL_CHUNK_SIZE": str(CHUNK),
        # One after the other, where a test counts those before the one that it stops.
        "WHALEFALL_PARALLEL_CHUNKS": "1",
        "WHALEFALL_SESSION_LEASE": str(LEASE),
        "WHALEFALL_CATCH_UP_DAYS": "3660",
    }
    return kept | PRODUCTION | product | {name: str(value) for name, value in more.items()}


class Process:
    """A process group and the file that it writes to."""

    def __init__(self, command, log, environment):
        self.log = log
        with log.open("ab") as output:
            self.child = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=output, stderr=output, start_new_session=True
            )

    def kill(self):
        """The whole group, at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait(timeout=20)


class RedisServer:
    """A Redis that may be stopped, started again on its port, and flushed."""

    def __init__(self, directory):
        self.directory, self.port, self.process = directory, closed_port(), None
        self.url = f"redis://{HOST}:{self.port}/0"

    def start(self):
        log = self.directory / "redis.log"
        options = ["--bind", HOST, "--port", str(self.port), "--save", "", "--dir", str(self.directory)]
        self.process = Process(["redis-server", *options], log, {"PATH": os.environ["PATH"]})
        wait_until(self.answers, 10, "Redis")

    def stop(self):
        if self.process:
            self.process.kill()
            self.process = None

    def client(self):
        return Redis.from_url(self.url, socket_timeout=2, socket_connect_timeout=2)

    def answers(self):
        with self.client() as client:
            try:
                return client.ping()
            except RedisError:
                return False

    def flush(self):
        with self.client() as client:
            client.flushall()

    def waiting(self):
        """Messages in the queue, and those that a worker has and has not acknowledged (delayed ones too).

        A message that is just being handed over is in neither: ask more than once.
        """
        with self.client() as client:
            return client.llen("celery") + client.hlen("unacked")


class Stack:
    """What a test starts and gives orders to; `close` ends all of it."""

    def __init__(self, redis, directory):
        self.redis, self.directory, self.processes = redis, directory, []
        self.orders = directory / "orders"
        self.orders.mkdir()
        self.celery = Celery(broker=redis.url, set_as_current=False)

    def close(self):
        with ExitStack() as ending:
            ending.callback(self.celery.close)
            for process in self.processes:
                ending.callback(process.kill)

    def environment(self, *, constants=(), celery=(), **more):
        return variables(
            REDIS_URL=self.redis.url,
            FAULTS_ORDERS=self.orders,
            FAULTS_CONSTANTS=json.dumps(CONSTANTS | dict(constants)),
            FAULTS_CELERY=json.dumps(CELERY | dict(celery)),
            **more,
        )

    def start(self, name, *module, restarted=False, **options):
        log = self.directory / f"{name}-{len(self.processes)}.log"
        command = [sys.executable, "-m", *module]
        if restarted:
            command = ["sh", "-c", 'until "$@"; do sleep 0.5; done', "sh", *command]
        process = Process(command, log, self.environment(**options))
        self.processes.append(process)
        return process

    def worker(self, *, concurrency=4, restarted=False, **options):
        """A worker that takes tasks. With `restarted` one that ends is started again, as by systemd."""
        ready = self.orders / "ready"
        ready.unlink(missing_ok=True)
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        command = ["celery", "-A", HOOKS, "worker", *quiet, "--concurrency", str(concurrency)]
        worker = self.start("worker", *command, restarted=restarted, **options)
        wait_until(ready.exists, 30, f"the worker, see {worker.log}")
        return worker

    def beat(self):
        return self.start("beat", "celery", "-A", HOOKS, "beat", "--max-interval", "1", "--pidfile=")

    def send(self, task, task_id=None, *, soft_time_limit=None, **arguments):
        """Queues a task; gives its id."""
        return self.celery.send_task(task, kwargs=arguments, task_id=task_id, soft_time_limit=soft_time_limit).id

    def aggregate(self, *periods, **options):
        return self.send("capacity.run_capacity_aggregation", periods=list(periods), **options)

    def order(self, point, who, action, *, always=False):
        """Has the first process that comes to this point do this; gives the file that appears when it does.

        With `always` every process does; gives the file to delete when that is enough.
        """
        order = self.orders / f"{point}@{who}"
        if always:
            order = order.with_name(f"{order.name}.always")
        order.write_text(action)
        return order if always else order.with_name(f"{order.name}.taken")

    def pid_of(self, task_id):
        """The child that is at work on the task, or None."""
        found = [int(file.suffix[1:]) for file in self.orders.glob(f"running.{task_id}.*")]
        return next(filter(is_alive, found), None)

    def begun(self, task):
        """How many times a task of that name was begun."""
        told = self.orders / "begun-tasks"
        return [line.split()[0] for line in told.read_text().splitlines()].count(task) if told.exists() else 0

    def logged(self, event, **facts):
        """The log lines of that event, of all processes, that have these facts."""
        found = []
        for process in self.processes:
            for line in process.log.read_text(errors="replace").splitlines():
                if line.startswith("{") and f'"{event}"' in line:
                    entry = json.loads(line)
                    if entry.get("event") == event and facts.items() <= entry.items():
                        found.append(entry)
        return found


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
