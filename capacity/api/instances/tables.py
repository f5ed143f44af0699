"""The largest tables of a database, as the API takes and gives them."""

from typing import Any

from rest_framework import serializers

from capacity.collection.tables import TableGrowth, growth
from capacity.models import TableSizeSnapshot
from sync_sessions.common.api.fields import StrictFields, TextField


class TablesRequestSerializer(StrictFields):
    database_name = TextField(max_length=255, help_text="The database whose tables are meant.")


class TableSerializer(serializers.Serializer[TableGrowth]):
    table = serializers.CharField(help_text='"" for the others as one.')
    size_bytes = serializers.IntegerField()
    grew_bytes = serializers.IntegerField(allow_null=True, help_text="Null: not in the snapshot before.")
    others = serializers.IntegerField(help_text="How many tables this row is the sum of; 0: it is one.")


class TableSnapshotSerializer(serializers.Serializer[Any]):
    """The newest snapshot, compared with the one before it."""

    instance = serializers.CharField()
    database_name = serializers.CharField()
    taken_at = serializers.DateTimeField()
    taken_by = serializers.CharField(allow_null=True)
    before = serializers.DateTimeField(
        allow_null=True, help_text="When the snapshot was taken that it is compared with."
    )
    total_bytes = serializers.IntegerField()
    grew_bytes = serializers.IntegerField(allow_null=True)
    tables = TableSerializer(many=True)


def told(now: TableSizeSnapshot, before: TableSizeSnapshot | None) -> Any:
    return TableSnapshotSerializer(
        {
            "instance": now.instance.name,
            "database_name": now.database_name,
            "taken_at": now.taken_at,
            "taken_by": now.taken_by and now.taken_by.get_username(),
            "before": before and before.taken_at,
            "total_bytes": now.total_bytes,
            "grew_bytes": now.total_bytes - before.total_bytes if before else None,
            "tables": growth(now, before),
        }
    ).data
