"""The kinds of runs. Whoever has runs tells here what the log, which knows none, needs to show and repeat them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from .models import SyncSession

Text = str | Promise


class RetryHandler(Protocol):
    def __call__(self, session: SyncSession, instance_ids: list[int], *, created_by: Any, queue: bool) -> SyncSession:
        """Does what `session` was for, for these instances, in a new session that names it as `retry_of`.

        `queue`: leaves the new session pending for a worker; else gives it as it ended.
        """


@dataclass(frozen=True)
class Kind:
    """The runs of one category."""

    category: str
    retry: RetryHandler
    permission: str  #: what starting one needs
    #: Of these records the failed ones of active instances that were not run again since.
    last_failures: Callable[[QuerySet[Any]], QuerySet[Any]]
    reasons: Mapping[str, Text] = field(default_factory=dict)  #: {error code: sentence}; the log's own go first
    labels: Mapping[str, Text] = field(default_factory=dict)  #: {key of its details: what it is called}
    #: {key: how its stored JSON value reads}; may raise KeyError, TypeError or ValueError for one it does not know
    formats: Mapping[str, Callable[[Any], str]] = field(default_factory=dict)
    words: Mapping[str, Mapping[str, Text]] = field(default_factory=dict)  #: {key: {stored word: label}}, for filters
    #: What a session's details say it is about, in short: a word and the days, such as ("Weekly", "1 – 7 June").
    subject: Callable[[Mapping[str, Any]], tuple[str, str]] = lambda details: ("", "")
    #: The keys of a session's details that `subject` tells, or that say nothing more.
    told_apart: Callable[[Mapping[str, Any]], set[str]] = lambda details: set()
    nothing: Text = _("There was no active instance to work on.")  #: why a session has no records
    has_scope: bool = False  #: whether the scope of a session says anything
    taken_up: bool = False  #: whether what a dead process has left of a scheduled run is run by others at once


_kinds: dict[str, Kind] = {}


def register_kind(kind: Kind) -> None:
    """For the AppConfig of an app that has runs of this category."""
    _kinds[kind.category] = kind


def kind_of(category: str) -> Kind | None:
    return _kinds.get(category)


def all_kinds() -> Iterator[Kind]:
    """Ask when all apps are ready."""
    yield from _kinds.values()


def start_permission() -> str:
    """What running a session again needs; the kinds agree on it."""
    [permission] = {kind.permission for kind in _kinds.values()}
    return permission
