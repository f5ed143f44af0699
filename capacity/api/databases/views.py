import django_filters
from rest_framework.mixins import ListModelMixin

from capacity.api.states import DatabaseStateSerializer, orderings
from capacity.models import DatabaseState, DbType
from sync_sessions.common.api.base import BaseViewSet
from sync_sessions.common.api.filters import AnyOfFilter, IdsFilter
from sync_sessions.common.api.permissions import model_permissions


class DatabaseFilters(django_filters.FilterSet):
    instance = IdsFilter("instance_id")
    db_type = AnyOfFilter("instance__db_type", choices=DbType.choices, label="engines")
    database_name = django_filters.CharFilter(
        "database_name", max_length=255, strip=False, label="name of a database, on any instance"
    )


class DatabaseViewSet(ListModelMixin, BaseViewSet):
    """How large every database is now and how it has grown, by the instance and the name if not ordered otherwise.

    A change is that of the last day against the day 7 or 30 days before it, or up to 3 days earlier; null without
    one. Rows without a value come last.
    """

    queryset = DatabaseState.objects.select_related("instance")
    serializer_class = DatabaseStateSerializer
    filterset_class = DatabaseFilters
    ordering = ("instance_id", "database_name")
    ordering_fields = {"name": "database_name", **orderings()}
    required_permissions = model_permissions("capacity.databasesizestat", "list")
