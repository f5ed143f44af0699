"""Databases whose names differ in case alone, on engines that ignore it."""

from collections.abc import Iterable

from capacity.models import DatabaseState, DbType

#: MySQL by lower_case_table_names, which depends on the system it runs on.
IGNORING_CASE = (DbType.SQLSERVER, DbType.ORACLE, DbType.MYSQL)


def case_twins(instances: Iterable[str]) -> dict[str, list[list[str]]]:
    """{instance: [names that differ in case alone]} of these instances (names), in the order of the names.

    Such a database counts twice in the sizes of its instance. One query.
    """
    asked = set(instances)
    rows = DatabaseState.objects.filter(instance__db_type__in=IGNORING_CASE).order_by(
        "instance__name", "database_name"
    )
    spelt: dict[tuple[str, str], list[str]] = {}
    for instance, database in rows.values_list("instance__name", "database_name").iterator():
        if instance in asked:
            spelt.setdefault((instance, database.casefold()), []).append(database)
    found: dict[str, list[list[str]]] = {}
    for (instance, _folded), names in spelt.items():
        if len(names) > 1:
            found.setdefault(instance, []).append(names)
    return found
