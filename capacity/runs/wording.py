"""What the run log is told of the runs of this app: its error codes and the keys of its details, for people."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext_lazy as _

from capacity.aggregation.results import REASONS
from capacity.models.instance import DbType
from capacity.periods import PERIOD_CONFIG
from capacity.units import format_bytes
from sync_sessions.common.durations import duration_text
from sync_sessions.details import choice, register_details, register_words
from sync_sessions.reasons import register_reasons

#: In short, whatever the server; the stored text names it and says what to do.
COLLECTION_REASONS = {
    "refused": _("The server refuses connections."),
    "timeout": _("The server did not answer in time."),
    "unreachable": _("The server cannot be reached from this machine."),
    "connection_lost": _("The connection broke in the middle of the collection."),
    "connection_failed": _("The server could not be connected to."),
    "starting": _("The server is starting up or shutting down."),
    "wrong_password": _("The server refuses the user name or the password."),
    "not_allowed": _("The server lets nobody in from this machine."),
    "missing_privilege": _("The user lacks a privilege."),
    "unknown_database": _("There is no such database to connect to."),
    "too_many_connections": _("The server has no connection left."),
    "no_user": _("The instance has no user name: set the one to collect with."),
    "no_host": _("The instance has no host: its samples are only pushed."),
    "instance_deleted": _("The instance was deleted during the run."),
    "host_refused": _("The host of this instance may not be connected to."),
    "unknown_host": _("The name of the host is not known."),
    "engine_not_supported": _("This engine cannot be collected from: import its samples by CSV."),
    "nothing_sized": _("None of its databases could be sized."),
    "samples_rejected": _("The sizes that the server gave could not be stored."),
    "field_key_missing": _("The stored password cannot be decrypted: check WHALEFALL_FIELD_KEYS."),
}
GENERAL_REASONS = {
    "aggregation_failed": _("The aggregation failed."),
    "database_error": _("WhaleFall's own database reported an error."),
    "integrity_error": _("WhaleFall's own database refused what was to be written."),
    "data_error": _("WhaleFall's own database could not take a value."),
    "unexpected_error": _("Something unexpected happened; the log of the process has more."),
}

LABELS = {
    # of a session
    "period_type": _("period type"),
    "period_start": _("first day"),
    "period_end": _("last day"),
    "requested_period_type": _("requested period type"),
    # of an aggregation's record
    "aggregation_count": _("period rows"),
    "aggregation_result": _("result"),
    "processed_records": _("period rows written"),
    "created": _("new"),
    "updated": _("replaced"),
    "window": _("period"),
    "previous_window": _("compared with"),
    "samples": _("samples"),
    "database": _("database"),
    "instance": _("instance"),
    # of a collection's record
    "engine": _("engine"),
    "server_version": _("server version"),
    "databases": _("databases"),
    "total_size_bytes": _("total size"),
    "not_sized": _("not sized"),
    "reason": _("reason"),
    "notes": _("notes"),
    "duration_seconds": _("measured in"),
}


def period_type(key: str) -> str:
    return choice({config.key: config.label for config in PERIOD_CONFIG})(key)


FORMATS: dict[str, Callable[[Any], str]] = {
    "period_type": period_type,
    "requested_period_type": period_type,
    "engine": choice(dict(DbType.choices)),
    "total_size_bytes": format_bytes,
    "duration_seconds": duration_text,
}


def register() -> None:
    for reasons in (REASONS, COLLECTION_REASONS, GENERAL_REASONS):
        register_reasons(reasons)
    register_details(LABELS, FORMATS)
    register_words("period_type", {config.key: config.label for config in PERIOD_CONFIG})
