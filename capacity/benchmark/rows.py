"""Whether two ways wrote the same period rows."""

from django.db import connection, models
from django.utils.translation import gettext as _

from capacity.errors import CapacityError
from capacity.models import DatabaseSizeAggregation, InstanceSizeAggregation

from .fleet import execute, number

MODELS: tuple[type[models.Model], ...] = (DatabaseSizeAggregation, InstanceSizeAggregation)
NOT_COMPARED = ("id", "calculated_at", "created_at")


class RowsDiffer(CapacityError):
    """The work and the limit did not write the same rows: their times cannot be compared."""

    code = "rows_differ"


def count_rows() -> int:
    """How many period rows there are, of both levels."""
    return sum(number(f"SELECT COUNT(*) FROM {model._meta.db_table}") for model in MODELS)


def keep_copy() -> None:
    """Copies the period rows aside, in place of an earlier copy."""
    for model in MODELS:
        table = model._meta.db_table
        execute(f"DROP TABLE IF EXISTS kept_{table}")
        execute(f"CREATE TABLE kept_{table} AS SELECT {_columns(model)} FROM {table}")


def compare_with_copy() -> None:
    """Raises RowsDiffer, with an example, unless the period rows are exactly those of the copy."""
    for model in MODELS:
        table, columns = model._meta.db_table, _columns(model)
        here, kept = f"SELECT {columns} FROM {table}", f"SELECT {columns} FROM kept_{table}"
        # As sets; two equal rows there cannot be, by the unique key.
        for one, other, where in ((kept, here, _("the work")), (here, kept, _("the limit"))):
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
