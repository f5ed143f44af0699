"""The admin's history: what was done to an object, by whom, whatever door they came through."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.admin.utils import label_for_field
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.utils.text import capfirst
from django.utils.translation import override

COMMAND_LINE = "manage.py"  #: the user in whose name commands are in the history; nobody can log in as it


def log_change(user: Any, obj: Model, message: str) -> None:
    """Writes an entry; nothing when no person is behind it."""
    if user is not None:
        LogEntry.objects.log_actions(user.pk, [obj], CHANGE, message, single_object=True)


def log_added(by: Any, objects: Iterable[Model]) -> None:
    """Writes that each of these was added by this user, or from the command line if that is None."""
    _log(by, objects, ADDITION, [{"added": {}}])


def log_changed(by: Any, objects: Sequence[Model], fields: Iterable[str]) -> None:
    """Writes that these fields of each were changed, in the words of the admin's forms."""
    with override(None):  # translated when it is read
        labels = [label_for_field(name, type(objects[0])) for name in fields] if objects else []
        names = [capfirst(str(label)) for label in labels]
    if names:
        _log(by, objects, CHANGE, [{"changed": {"fields": names}}])


def log_deleted(by: Any, obj: Model) -> None:
    """Writes that it was deleted. To be called before it is, while it has its key."""
    _log(by, [obj], DELETION, "")


def _log(by: Any, objects: Iterable[Model], flag: int, message: Any) -> None:
    LogEntry.objects.log_actions((by or _command_line()).pk, objects, flag, message)


def _command_line() -> Any:
    nobody = {"is_active": False, "password": make_password(None)}
    return get_user_model().objects.get_or_create(username=COMMAND_LINE, defaults=nobody)[0]


def has_history(obj: Model) -> bool:
    """Whether there is an entry. One query."""
    return LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(obj), object_id=str(obj.pk)).exists()
