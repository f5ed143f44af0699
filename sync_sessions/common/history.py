"""The admin's history: what people did to an object, whatever door they came through."""

from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import Model


def log_change(user: Any, obj: Model, message: str) -> None:
    """Writes an entry; nothing when no person is behind it."""
    if user is not None:
        LogEntry.objects.log_actions(user.pk, [obj], CHANGE, message, single_object=True)
