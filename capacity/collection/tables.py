"""The largest tables of one database: measured, kept, and compared with the time before."""

from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from capacity.errors import CapacityError, StateConflict
from capacity.models import DbType, Instance, TableSizeSnapshot

from .hosts import check_host
from .measuring import source_of, unexpected
from .sources import CollectionError, NotSized, Tables

LARGEST = 100
MEASURED = (DbType.POSTGRESQL, DbType.MYSQL, DbType.SQLSERVER)
#: In seconds; all of it is over within the budget, whatever the catalogue's size and locks.
LIMITS = {"connect_timeout": 3, "statement_timeout": 5, "time_budget": 10}


class TablesNotMeasured(StateConflict):
    """The message says why: what the server answered, or that it did not."""

    code = "tables_not_measured"


@dataclass(frozen=True)
class TableGrowth:
    """A table, or the others as one (`others`: how many); bytes. None: not in the snapshot before."""

    table: str
    size_bytes: int
    grew_bytes: int | None
    others: int = 0


def take_snapshot(instance: Instance, database: str, taken_by: Any = None) -> TableSizeSnapshot:
    """For who asks: `measure_and_keep`, all of whose reasons are a TablesNotMeasured."""
    if instance.db_type not in MEASURED:
        raise TablesNotMeasured(_("Tables are measured on PostgreSQL, MySQL, MariaDB and SQL Server."))
    try:
        return measure_and_keep(instance, database, taken_by)
    except (NotSized, CapacityError) as error:
        raise TablesNotMeasured(str(error)) from None


def measure_and_keep(instance: Instance, database: str, taken_by: Any = None) -> TableSizeSnapshot:
    """Measures the tables of `database` and stores the largest, within 10 s. The instance's engine is in MEASURED.

    Raises NotSized (of this database), CollectionError and other CapacityErrors (of the whole server, mostly).
    """
    moment = timezone.now()
    found = _measure(instance, database)
    tables: list[dict[str, Any]] = [{"table": name, "size_bytes": size} for name, size in found.largest]
    if others := found.count - len(tables):
        rest = found.total_bytes - sum(size for _name, size in found.largest)
        tables.append({"others": others, "size_bytes": rest})
    return TableSizeSnapshot.objects.create(
        instance=instance,
        database_name=database,
        taken_at=moment,
        taken_by=taken_by,
        tables=tables,
        total_bytes=found.total_bytes,
    )


def _measure(instance: Instance, database: str) -> Tables:
    source = source_of(instance, **LIMITS)
    if instance.db_type == DbType.POSTGRESQL:  # a database knows its own tables alone
        source.target = replace(source.target, database=database)
    with closing(source):
        try:
            source.open(check_host(instance.host)[0])
            found = source.largest_tables(database, LARGEST)
            # Of names, too, that no such server has: as every word of it, printable and not endless.
            return replace(found, largest=[(source.words(name), size) for name, size in found.largest])
        except CollectionError as error:
            if error.code == "unknown_database" and source.target.database == database:
                raise NotSized("The server has no such database any more.") from None
            raise
        except (NotSized, CapacityError):
            raise
        except Exception as error:
            raise unexpected(source, error) from None


def newest(instance: Instance, database: str) -> list[TableSizeSnapshot]:
    """The newest snapshot and the one before it, as far as there are any."""
    return list(TableSizeSnapshot.objects.filter(instance=instance, database_name=database)[:2])


def growth(now: TableSizeSnapshot, before: TableSizeSnapshot | None) -> list[TableGrowth]:
    """Each table of `now`, and by how much it grew since."""
    known = {one.get("table", ""): one["size_bytes"] for one in before.tables} if before else {}
    rows = []
    for one in now.tables:
        name, size = one.get("table", ""), one["size_bytes"]
        grew = size - known[name] if name in known else None
        rows.append(TableGrowth(name, size, grew, one.get("others", 0)))
    return rows
