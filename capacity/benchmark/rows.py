"""Whether two ways wrote the same rows."""

from django.db import connection, models
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from capacity.errors import CapacityError
from capacity.models import (
    DatabaseDayStat,
    DatabaseSizeAggregation,
    DatabaseSizeStat,
    InstanceSizeAggregation,
    InstanceSizeStat,
)

from .filling import execute, number

Models = tuple[type[models.Model], ...]
PERIOD_ROWS: Models = (DatabaseSizeAggregation, InstanceSizeAggregation)
STORED: Models = (DatabaseSizeStat, DatabaseDayStat, InstanceSizeStat)  #: what an import writes
NOT_COMPARED = ("id", "calculated_at", "created_at", "updated_at")


class RowsDiffer(CapacityError):
    """The work and the limit did not write the same rows: their times cannot be compared."""

    code = "rows_differ"


def count_rows(models: Models) -> int:
    return sum(number(f"SELECT COUNT(*) FROM {model._meta.db_table}") for model in models)


def keep_copy(models: Models) -> None:
    """Copies the rows aside, in place of an earlier copy."""
    for model in models:
        table = model._meta.db_table
        execute(f"DROP TABLE IF EXISTS kept_{table}")
        execute(f"CREATE TABLE kept_{table} AS SELECT {_columns(model)} FROM {table}")


def compare_with_copy(models: Models) -> None:
    """Raises RowsDiffer, with an example, unless the rows are exactly those of the copy."""
    for model in models:
        table, columns = model._meta.db_table, _columns(model)
        here, kept = f"SELECT {columns} FROM {table}", f"SELECT {columns} FROM kept_{table}"
        # As sets; two equal rows there cannot be, by the unique key.
        for one, other, where in ((kept, here, _("the work")), (here, kept, pgettext("of a benchmark", "the limit"))):
            extra = f"SELECT * FROM ({one} EXCEPT {other}) AS extra"
            with connection.cursor() as cursor:
                cursor.execute(f"{extra} LIMIT 1")
                example = cursor.fetchone()
            if example:
                raise RowsDiffer(
                    _("%(count)d rows of %(table)s were written like this by %(where)s alone, for example %(row)s.")
                    % {
                        "count": number(f"SELECT COUNT(*) FROM ({extra}) AS counted"),
                        "table": table,
                        "where": where,
                        "row": dict(zip(columns.split(", "), map(str, example), strict=True)),
                    }
                )


def _columns(model: type[models.Model]) -> str:
    return ", ".join(str(field.column) for field in model._meta.local_fields if field.name not in NOT_COMPARED)
