"""What became of instances, over all sessions."""

from datetime import MAXYEAR, MINYEAR, date, timedelta
from typing import Any

import django_filters
from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin

from sync_sessions.choices import RecordStatus, SyncCategory
from sync_sessions.common.admin.filters import midnight
from sync_sessions.common.api.base import BaseViewSet
from sync_sessions.common.api.filters import AnyOfFilter, DayFilter, InstancesFilter, TagFilter
from sync_sessions.models import SyncInstanceRecord

from .serializers import SyncInstanceRecordSerializer


class LoggedRecordFilters(django_filters.FilterSet):
    instance = InstancesFilter()
    tag = TagFilter()
    status = AnyOfFilter("status", choices=RecordStatus.choices)
    sync_category = AnyOfFilter("sync_category", choices=SyncCategory.choices)
    error_code = django_filters.CharFilter("error_code", max_length=64)
    day = DayFilter(method="of_day", label="of sessions that were created on this day")

    def of_day(self, records: QuerySet[SyncInstanceRecord], name: str, day: date) -> QuerySet[SyncInstanceRecord]:
        """In the product's time zone. At the ends of the calendar a day has no midnight in another."""
        if not MINYEAR < day.year < MAXYEAR:
            return records.none()
        begins, ends = midnight(day), midnight(day + timedelta(days=1))
        return records.filter(session__created_at__gte=begins, session__created_at__lt=ends)


class LoggedRecordSerializer(SyncInstanceRecordSerializer):
    session_id = serializers.UUIDField(source="session.session_id", read_only=True)

    class Meta(SyncInstanceRecordSerializer.Meta):
        fields = ["session_id", "sync_category", *SyncInstanceRecordSerializer.Meta.fields]
        read_only_fields = fields


class SyncRecordViewSet(ListModelMixin, BaseViewSet):
    """What became of each instance in each session, the newest first: why one was not measured on a day."""

    queryset = SyncInstanceRecord.objects.select_related("session").order_by("-id")
    serializer_class: Any = LoggedRecordSerializer
    filterset_class = LoggedRecordFilters
    required_permissions = {"list": "sync_sessions.view_syncsession"}
