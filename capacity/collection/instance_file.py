"""The inventory as a CSV file: what its lines would change, and changing it, all or nothing."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from capacity.errors import FieldKeyError, InputError
from capacity.models import DbType, Instance, Tag
from capacity.models.fields import validate_text
from capacity.models.tags import is_tag_name
from sync_sessions.common.history import log_added, log_changed

from .csv_cells import FIRST_LINE, LineError, cells, header, lines, shown
from .instance_cells import PARSERS
from .password_rule import must_repeat_password
from .validation import clean_name

COLUMNS = (
    "name",
    "db_type",
    "host",
    "port",
    "database_name",
    "username",
    "password_env",
    "tls_mode",
    "description",
    "is_active",
    "tags",
)
REQUIRED = ("name",)
MAX_INSTANCES = 10_000

#: Gives the value of an environment variable, None when there is none.
Variables = Callable[[str], str | None]


class FileError(NamedTuple):
    line: int
    column: str  #: "" when it is about the line as a whole
    detail: str


class InstancesRejected(InputError):
    """The file is refused as a whole; `errors` are all there are."""

    code = "instances_rejected"

    def __init__(self, errors: Sequence[FileError]) -> None:
        text = ngettext("the file has %(count)d error.", "the file has %(count)d errors.", len(errors))
        super().__init__(text % {"count": len(errors)})
        self.errors = errors


class FieldChange(NamedTuple):
    """Texts as people see them; of a password neither."""

    name: str
    before: str
    after: str


@dataclass
class Line:
    """What one line does to its instance, which carries the new values, unsaved."""

    instance: Instance
    changes: list[FieldChange] = field(default_factory=list)
    is_new: bool = False
    tags: list[str] | None = None  #: None: they stay


@dataclass(frozen=True)
class Plan:
    """What a file would do; `unchanged` lines are those that say what is there already."""

    lines: Sequence[Line]
    unchanged: int

    @property
    def new(self) -> int:
        return sum(line.is_new for line in self.lines)

    @property
    def changed(self) -> int:
        return len(self.lines) - self.new

    @transaction.atomic
    def apply(self, by: Any = None) -> None:
        """Writes it, with an entry in the history of each instance; `by` a user, None for the command line."""
        for line in self.lines:
            names = [change.name for change in line.changes if change.name != "tags"]
            line.instance.save(update_fields=None if line.is_new else [*names, "updated_at"])
            if line.tags is not None:
                line.instance.tags.set([Tag.objects.get_or_create(name=name)[0] for name in line.tags])
            if line.is_new:
                log_added(by, [line.instance])
            else:
                log_changed(by, [line.instance], [change.name for change in line.changes])


def plan(file: BinaryIO, variables: Variables | None) -> Plan:
    """What the file would change; nothing is written.

    An instance is known by its name. A column that is not there leaves its field as it is, an empty cell empties
    it; an empty password_env keeps the password, an empty is_active or tls_mode the value. `variables` is None
    where passwords may not be given. Raises CsvError and InstancesRejected. Two queries for each 500 instances.
    """
    text_lines = lines(file)
    separator, names = header(text_lines, COLUMNS, REQUIRED)
    errors: list[FileError] = []
    rows = list(_rows(text_lines, separator, names, errors))
    stored = _stored({row["name"] for _number, row in rows})
    found, unchanged = [], 0
    for number, row in rows:
        reader = _Reader(number, row, stored.get(row["name"]), variables)
        line = reader.read()
        errors += reader.errors
        if line.changes or line.is_new:
            found.append(line)
        else:
            unchanged += 1
    if errors:
        raise InstancesRejected(sorted(errors))
    return Plan(found, unchanged)


def _rows(
    text_lines: Iterable[bytes | None], separator: str, names: list[str], errors: list[FileError]
) -> Iterator[tuple[int, dict[str, str]]]:
    """The good lines by their numbers, with their names in the normal form; the errors of the others."""
    seen: dict[str, int] = {}
    for number, raw in enumerate(text_lines, FIRST_LINE):
        if raw is not None and not raw.strip(f"{separator} \t\r\n".encode()):
            continue
        try:
            values = cells(raw, separator)
            if len(values) > len(names) and not any(values[len(names) :]):
                del values[len(names) :]
            if len(values) != len(names):
                text = _("The line has %(found)d cells, the header has %(expected)d.")
                raise LineError("", text % {"found": len(values), "expected": len(names)})
            row = dict(zip(names, values, strict=True))
            row["name"] = clean_name(row["name"])
        except LineError as error:
            errors.append(FileError(number, "", error.args[1]))
        except ValidationError as error:
            errors.append(FileError(number, "name", " ".join(error.messages)))
        else:
            if first := seen.get(row["name"]):
                errors.append(FileError(number, "name", _("The same name as in line %(line)d.") % {"line": first}))
                continue
            seen[row["name"]] = number
            if len(seen) > MAX_INSTANCES:
                text = _("The file has more than %(limit)d instances: split it.")
                errors.append(FileError(number, "", text % {"limit": MAX_INSTANCES}))
                return
            yield number, row


def _stored(names: set[str]) -> dict[str, Instance]:
    found: dict[str, Instance] = {}
    wanted = sorted(names)
    for first in range(0, len(wanted), 500):
        some = Instance.objects.filter(name__in=wanted[first : first + 500]).prefetch_related("tags")
        found.update({one.name: one for one in some})
    return found


class _Reader:
    """Of one line: the instance as it would be, what is different, and what is wrong."""

    def __init__(
        self, number: int, row: Mapping[str, str], stored: Instance | None, variables: Variables | None
    ) -> None:
        self.number = number
        self.row = row
        self.stored = stored
        self.variables = variables
        self.errors: list[FileError] = []
        self.line = Line(stored or Instance(name=row["name"]), is_new=stored is None)

    def read(self) -> Line:
        instance = self.line.instance
        where = instance.db_type, instance.host, instance.port
        for name, parse in PARSERS.items():
            if name not in self.row:
                continue
            try:
                value = parse(self.row[name], getattr(instance, name))
            except ValidationError as error:
                self._wrong(name, " ".join(error.messages))
                continue
            if value != (before := getattr(instance, name)):
                self.line.changes.append(FieldChange(name, _told(before), _told(value)))
                setattr(instance, name, value)
        if not instance.db_type and not any(error.column == "db_type" for error in self.errors):
            text = _("A new instance needs one of %(allowed)s.")
            self._wrong("db_type", text % {"allowed": ", ".join(DbType.values)})
        self._password(where)
        self._tags()
        return self.line

    def _password(self, where: tuple[str, str, int | None]) -> None:
        instance, variable = self.line.instance, self.row.get("password_env", "")
        if variable and self.variables is None:
            self._wrong("password_env", _("Passwords are set by the command import_instances or in the form."))
        elif variable and self.variables is not None:
            password = self.variables(variable)
            if not password:
                text = _("There is no environment variable %(name)s, or it is empty.")
                self._wrong("password_env", text % {"name": shown(variable)})
                return
            try:
                validate_text(password)
            except ValidationError as error:
                self._wrong("password_env", " ".join(error.messages))
                return
            if self.stored is None or not _same(instance, password):
                self.line.changes.append(FieldChange("password", "", _("from %(name)s") % {"name": variable}))
                instance.password = password
        elif self.stored:
            now = instance.db_type, instance.host, instance.port
            instance.db_type, instance.host, instance.port = where
            if must_repeat_password(instance, *now):
                text = _("The engine, host or port has changed: give the password again.")
                self._wrong("password_env" if "password_env" in self.row else "", text)
            instance.db_type, instance.host, instance.port = now

    def _tags(self) -> None:
        if "tags" not in self.row:
            return
        names = list(dict.fromkeys(filter(None, (part.strip() for part in self.row["tags"].split(",")))))
        for name in names:
            try:
                is_tag_name(name)
                if len(name) > (Tag._meta.get_field("name").max_length or 0):
                    raise ValidationError(_("The tag %(name)s is too long.") % {"name": shown(name)})
            except ValidationError as error:
                self._wrong("tags", " ".join(error.messages))
        before = sorted(tag.name for tag in self.stored.tags.all()) if self.stored else []
        if sorted(names) != before:
            self.line.tags = names
            self.line.changes.append(FieldChange("tags", ", ".join(before), ", ".join(sorted(names))))

    def _wrong(self, column: str, detail: str) -> None:
        self.errors.append(FileError(self.number, column, detail))


def _same(instance: Instance, password: str) -> bool:
    try:
        return bool(instance.password == password)
    except FieldKeyError:
        return False  # whatever it was, it cannot be used


def _told(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
