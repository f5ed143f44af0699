"""The CSV door: a file becomes samples, one line at a time."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from operator import itemgetter
from typing import Any, BinaryIO

from django.utils.translation import gettext as _

from capacity.models import DbType, Instance

from .csv_cells import header, lines, rows, shown
from .samples import BadItem, Sample, SampleError
from .validation import Problem, name_problem, normal_name

REQUIRED = ("instance", "database", "collected_at", "size_bytes")
COLUMNS = ("instance", "db_type", "database", "collected_at", "size_bytes", "data_size_bytes", "log_size_bytes")
#: What databases and their tools write for "no value".
NOTHING = ("", "NULL", "null", "\\N")
MAX_NEW_INSTANCES = 10_000
MAX_KNOWN_MOMENTS = 10_000  # texts that were read already: the databases of a server share theirs

# pandas writes 8388608.0 as soon as a column has an empty cell. More zeros may be thousands.
_WHOLE_NUMBER = re.compile(r"([+-]?[0-9]{1,40})(?:\.0)?")
# SQL Server writes 2025-01-31 03:00:00.0000000 +08:00.
_BLANK_BEFORE_OFFSET = re.compile(r" (?=[+-][0-9:]+$)")


class CsvSamples:
    """The samples of a CSV file: item n of the iteration is line n + FIRST_LINE of the file.

    A line with an error gives a BadItem. `instances` are the ids by name; with `create`, a name that is not
    among them becomes an unsaved Instance in `new_instances`, under a negative id. Making it reads the header,
    and raises CsvError if that cannot be used. One line at a time is held. `separator` is one of SEPARATORS,
    `seen` the names of the instances so far.
    """

    def __init__(self, file: BinaryIO, instances: Mapping[str, int], *, create: bool = False) -> None:
        self.new_instances: dict[int, Instance] = {}
        self.seen: dict[tuple[str, str], int] = {}  #: (name, db_type) of good cells: the id
        self._ids = dict(instances)
        self._create = create
        self._moments: dict[str, Any] = {}
        self._lines = lines(file)
        self.separator, names = header(self._lines, COLUMNS, REQUIRED)
        self._width = len(names)
        # A column that is not there is read from behind the last one, where nothing stands.
        self._in_order = itemgetter(*(names.index(name) if name in names else len(names) for name in COLUMNS))

    def __iter__(self) -> Iterator[Sample | BadItem]:
        index = empty = 0
        for cells in rows(self._lines, self.separator):
            if not cells:
                empty += 1
                continue
            # At the end of the file they do no harm.
            for _number in range(empty):
                yield _bad(index, "empty_line", _("The line is empty: remove it."))
                index += 1
            empty = 0
            yield self._item(index, cells) if isinstance(cells, list) else _bad(index, *cells.args)
            index += 1

    def _item(self, index: int, cells: list[str]) -> Sample | BadItem:
        if len(cells) > self._width and not any(cells[self._width :]):
            del cells[self._width :]
        if len(cells) != self._width:
            numbers = {"found": len(cells), "expected": self._width}
            text = _("The line has %(found)d cells, the header has %(expected)d.")
            return _bad(index, "wrong_number_of_cells", text % numbers)

        cells.append("")
        instance, db_type, database, at, size, data, log = self._in_order(cells)
        pk, problem = self.seen.get((instance, db_type)), None
        if pk is None:
            # Without blanks around it, which within quotes belong to the name of a database: no other door takes them.
            name = instance if instance in self._ids else normal_name(instance).strip()
            pk, problem = self._instance(name, db_type.lower())
            if problem is None:
                self.seen[instance, db_type] = pk
        moment = self._moments.get(at)
        if moment is None:
            if len(self._moments) >= MAX_KNOWN_MOMENTS:
                self._moments.clear()
            moment = self._moments[at] = _moment(at)
        sample = Sample(
            pk,
            database,
            moment,
            _size(size),
            None if data in NOTHING else _size(data),
            None if log in NOTHING else _size(log),
        )
        return BadItem((SampleError(index, "instance_id", *problem),), sample) if problem else sample

    def _instance(self, name: str, db_type: str) -> tuple[int, Problem]:
        pk = self._ids.get(name, 0)
        if pk > 0:
            return pk, None
        if not self._create:
            text = _("There is no instance named %(name)s: create it first, or import with --create-instances.")
            return 0, ("unknown_instance", text % {"name": shown(name)})
        if problem := name_problem(name):
            return 0, problem
        if db_type not in DbType.values:
            text = _("The instance %(name)s is to be created: its db_type must be one of %(allowed)s.")
            return 0, ("invalid_db_type", text % {"name": shown(name), "allowed": ", ".join(DbType.values)})
        if not pk:
            if len(self.new_instances) == MAX_NEW_INSTANCES:
                text = _("The file would create more than %(limit)d instances: is the instance in the right column?")
                return 0, ("too_many_instances", text % {"limit": MAX_NEW_INSTANCES})
            pk = self._ids[name] = -1 - len(self.new_instances)
            self.new_instances[pk] = Instance(name=name, db_type=db_type)
        elif self.new_instances[pk].db_type != db_type:
            text = _("The instance %(name)s has the db_type %(first)s in an earlier line.")
            first = self.new_instances[pk].db_type
            return 0, ("conflicting_db_type", text % {"name": shown(name), "first": first})
        return pk, None


# What cannot be read stays as it is written: the checks that every sample goes through say what is wrong.


def _size(text: str) -> Any:
    if text.isascii() and text.isdigit() and len(text) < 20:
        return int(text)
    found = _WHOLE_NUMBER.fullmatch(text)
    return int(found[1]) if found else text


def _moment(text: str) -> Any:
    try:
        return datetime.fromisoformat(_BLANK_BEFORE_OFFSET.sub("", text))
    except ValueError:
        return text


def _bad(index: int, code: str, detail: str) -> BadItem:
    return BadItem((SampleError(index, "", code, detail),))
