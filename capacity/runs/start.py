"""The one start of a run, for every door: here, or by workers."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sync_sessions.errors import SessionAlreadyRunning
from sync_sessions.kinds import Kind, register_kind
from sync_sessions.models import SyncSession

from .outcome import BUSY, RunOutcome
from .spec import RunSpec


@dataclass(frozen=True)
class Started:
    session: SyncSession
    #: How it ended: `session`, `status`, `message`, `errors` (sentences), `as_dict()`; None: queued, for a worker.
    outcome: Any = None


@dataclass(frozen=True)
class Runner:
    """How one category of runs is done: to its end in this process, or handed out to workers."""

    run: Callable[..., Any]  #: (spec, **listeners) -> a `Started.outcome`
    queue: Callable[[RunSpec], SyncSession]


_runners: dict[str, Runner] = {}


def register(kind: Kind, runner: Runner) -> None:
    """For the AppConfig: a category of runs, for the run log and for the doors."""
    _runners[kind.category] = runner
    register_kind(kind)


def start(spec: RunSpec, *, queue: bool, **listeners: Any) -> Started:
    """Queues the run, or does it and comes back at its end. `listeners`: those of the kind, for a run done here.

    Raises AggregationDisabled, UnknownInstance and SessionAlreadyRunning with nothing written; QueueUnavailable and
    whatever ends the whole run after it is on the session (`sync_sessions.errors.session_id_of`).
    """
    runner = _runners[spec.category]
    if queue:
        return Started(runner.queue(spec))
    outcome = runner.run(spec, **listeners)
    return Started(outcome.session, outcome)


def run_or_busy(spec: RunSpec, *, wait: float = 0, **listeners: Any) -> RunOutcome:
    """A run done here. While another of its kind is under way it is tried again for `wait` seconds, and then busy."""
    begun = time.monotonic()
    while True:
        try:
            outcome: RunOutcome = start(spec, queue=False, **listeners).outcome
        except SessionAlreadyRunning as error:
            if time.monotonic() - begun >= wait:
                return RunOutcome.busy(spec, error)
            time.sleep(1)
        else:
            return outcome


def run_each(specs: Iterable[RunSpec]) -> list[RunOutcome]:
    """One after another, in their order. SessionAlreadyRunning when not one of them was started."""
    outcomes = [run_or_busy(spec) for spec in specs]
    if outcomes and all(outcome.status == BUSY for outcome in outcomes):
        raise SessionAlreadyRunning(outcomes[0].message, outcomes[0].session)
    return outcomes
