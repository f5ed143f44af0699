from typing import Any

import django_filters
from django.db import transaction
from django.db.models import Count
from django.db.models.functions import Lower
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.viewsets import ModelViewSet

from capacity.models import Tag
from capacity.scheduling.tags import save_tag
from sync_sessions.common.api.base import BaseViewSet
from sync_sessions.common.api.fields import STRICT_FIELDS, StrictFields
from sync_sessions.common.api.permissions import model_permissions
from sync_sessions.common.history import log_added, log_changed, log_deleted


class TagSerializer(StrictFields, serializers.ModelSerializer[Tag]):
    serializer_field_mapping = STRICT_FIELDS
    instance_count = serializers.IntegerField(read_only=True, help_text="How many instances have it.")

    class Meta:
        model = Tag
        fields = ["id", "name", "instance_count"]

    def update(self, tag: Tag, data: Any) -> Tag:
        """The schedules that name it go on with its new name."""
        tag.name = data.get("name", tag.name)
        save_tag(tag, by=self.context["request"].user)
        return tag

    def to_representation(self, tag: Tag) -> Any:
        if not hasattr(tag, "instance_count"):  # that which was just written
            tag.instance_count = tag.instances.count()  # type: ignore[attr-defined]
        return super().to_representation(tag)


class TagFilters(django_filters.FilterSet):
    name = django_filters.CharFilter("name", "icontains", label="part of the name", max_length=60)


@extend_schema_view(
    create=extend_schema(
        examples=[OpenApiExample("Whose it is", value={"name": "team:billing"}, request_only=True)],
    )
)
class TagViewSet(BaseViewSet, ModelViewSet[Tag]):
    """What instances are put together by. The tags of an instance are a field of it.

    Renamed, a tag is so for all that has it: instances, schedules, alert rules.
    """

    queryset = Tag.objects.annotate(instance_count=Count("instances")).order_by(Lower("name"), "name")
    serializer_class = TagSerializer
    filterset_class = TagFilters
    lookup_value_converter = "int"
    required_permissions = model_permissions("capacity.tag")

    @transaction.atomic
    def perform_create(self, serializer: Any) -> None:
        log_added(self.request.user, [serializer.save()])

    @transaction.atomic
    def perform_update(self, serializer: Any) -> None:
        changed = [name for name, value in serializer.validated_data.items() if value != serializer.instance.name]
        log_changed(self.request.user, [serializer.save()], changed)

    @transaction.atomic
    def perform_destroy(self, tag: Tag) -> None:
        """The instances stay, without it."""
        log_deleted(self.request.user, tag)
        tag.delete()
