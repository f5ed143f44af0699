"""`sync_details` at scale: what the records of a run have in common is stored once, on the session.

A run over 30,000 instances has as many records, and most of what their details say (period, windows, engine) is the
same in all of them. The first records of a session that end with a status leave what they have in common in
`SyncSession.shared_details`; from then on a record stores what differs, as `{"differs": {...}}`. Anything else in the
column is the whole, so that older records and those without details need no migration.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import JSONField
from django.db.models.query_utils import DeferredAttribute

DIFFERS = "differs"


def common(details: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The keys and values that all of them have, objects within objects alike."""
    first, *others = details
    found = dict(first)
    for other in others:
        found = _common_of_two(found, other)
    return found


def _common_of_two(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for key in one.keys() & other.keys():
        if one[key] == other[key]:
            found[key] = one[key]
        elif isinstance(one[key], dict) and isinstance(other[key], dict):
            found[key] = _common_of_two(one[key], other[key])
    return found


def to_store(details: Mapping[str, Any], shared: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a record stores: how it differs from `shared`; the whole when it lacks something that is there."""
    differs = _difference(details, shared)
    return {DIFFERS: differs} if shared and _merged(shared, differs) == details else details


def whole(stored: Mapping[str, Any], shared: Mapping[str, Any]) -> Mapping[str, Any]:
    """The details again, from what a record stores."""
    return _merged(shared, stored[DIFFERS]) if stored.keys() == {DIFFERS} else stored


def _difference(details: Mapping[str, Any], shared: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for key, value in details.items():
        if key not in shared:
            found[key] = value
        elif isinstance(value, dict) and isinstance(shared[key], dict):
            if within := _difference(value, shared[key]):
                found[key] = within
        elif value != shared[key]:
            found[key] = value
    return found


def _merged(shared: Mapping[str, Any], differs: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(shared)
    for key, value in differs.items():
        base = shared.get(key)
        both = isinstance(value, dict) and isinstance(base, dict)
        found[key] = _merged(base, value) if both else value  # type: ignore[arg-type]
    return found


class _Whole(DeferredAttribute):
    """Reading the attribute gives the whole. One query if the record's session is not loaded and it is needed."""

    def __get__(self, record: Any, cls: Any = None) -> Any:
        if record is None:
            return self
        name = self.field.attname
        if name not in record.__dict__:
            super().__get__(record, cls)
        stored = record.__dict__[name]
        if isinstance(stored, dict) and stored.keys() == {DIFFERS}:
            stored = record.__dict__[name] = whole(stored, record.session.shared_details.get(record.status, {}))
        return stored

    def __set__(self, record: Any, value: Any) -> None:
        record.__dict__[self.field.attname] = value


class RecordDetailsField(JSONField):
    """The `sync_details` of a record: its attribute is the whole, its column what `to_store` gave."""

    descriptor_class = _Whole
