from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

import django_filters
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, PolymorphicProxySerializer, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from capacity.api.fields import find_instances, is_key
from capacity.api.filters import DatabaseFilter
from capacity.collection.ingest import ingest
from capacity.collection.samples import BadItem, Sample, SampleError, SamplesRejected
from capacity.models import DatabaseSizeStat
from sync_sessions.common.api.base import BaseViewSet
from sync_sessions.common.api.filters import DayFilter, InstancesFilter, MomentFilter, TagFilter
from sync_sessions.common.api.permissions import model_permissions

from .serializers import IngestResultSerializer, PushedSampleSerializer, SampleBatchSerializer, SampleSerializer

MAX_SAMPLES = 5000  #: of one push
REQUIRED = ("instance", "database_name", "collected_at", "size_bytes")
OPTIONAL = ("data_size_bytes", "log_size_bytes")
MUST, MAY = frozenset(REQUIRED), frozenset((*REQUIRED, *OPTIONAL))
#: Fields of a sample that have another name in the body.
FIELD_OF = {"instance_id": "instance"}
EXAMPLE = {
    "instance": "prod-pg-1",
    "database_name": "sales",
    "collected_at": "2025-03-05T03:00:00+08:00",
    "size_bytes": 7340032,
}


class SampleFilters(django_filters.FilterSet):
    instance = InstancesFilter()
    tag = TagFilter()
    database_name = DatabaseFilter()
    collected_at_after = MomentFilter("collected_at", "gte")
    collected_at_before = MomentFilter("collected_at", "lte")
    collected_on_after = DayFilter("collected_on", "gte")
    collected_on_before = DayFilter("collected_on", "lte")


class SampleViewSet(ListModelMixin, BaseViewSet):
    """Sizes as they were measured. The newest stored ones first; filters and orders need an `instance` or a `tag`."""

    queryset = DatabaseSizeStat.objects.select_related("instance").order_by("-id")
    serializer_class = SampleSerializer
    filterset_class = SampleFilters
    ordering_fields = ["collected_at"]
    required_permissions = model_permissions("capacity.databasesizestat", "list", "create")

    def get_throttles(self) -> Any:
        self.throttle_scope = "push" if self.action == "create" else None
        return super().get_throttles()

    def filter_queryset(self, queryset: Any) -> Any:
        # No index leads with anything else: without instances the whole table would be read.
        params = self.request.query_params
        narrowed = [name for name in (*SampleFilters.base_filters, "ordering") if params.get(name)]
        if narrowed and not (params.get("instance") or params.get("tag")):
            text = _("Name an instance or a tag as well: samples are found by it.")
            raise ValidationError({"instance": [text]}, code="instance_required")
        return super().filter_queryset(queryset)

    @extend_schema(
        request=PolymorphicProxySerializer(
            "PushedSamples",
            [PushedSampleSerializer(many=True), SampleBatchSerializer],
            resource_type_field_name=None,
            many=False,
        ),
        responses={201: IngestResultSerializer},
        examples=[
            OpenApiExample(
                "Two databases of one server",
                value=[EXAMPLE, {**EXAMPLE, "database_name": "stock"}],
                request_only=True,
            )
        ],
    )
    def create(self, request: Request) -> Response:
        """Stores up to 5,000 samples, all of them or none; their day totals and stale periods follow.

        The body is a list, or `{"samples": [...]}`. `instance` is an id or a name. A sample that is there already
        (same instance, database and time) is replaced. Every error names its item by its index.
        """
        items = _items(request.data)
        try:
            result = ingest(_samples(items))
        except SamplesRejected as rejected:
            named = [replace(one, attr=FIELD_OF.get(one.attr, one.attr)) for one in rejected.errors]
            raise SamplesRejected(named, rejected.total) from None
        return Response(asdict(result), status=201)


def _items(data: Any) -> list[Any]:
    if isinstance(data, dict):
        if set(data) != {"samples"}:
            raise ValidationError(_('Give a list of samples, or {"samples": [...]} and nothing else.'))
        data = data["samples"]
    if not isinstance(data, list):
        raise ValidationError(_("The samples must be a list."), code="not_a_list")
    if not data:
        raise ValidationError(_("There are no samples in it."), code="empty")
    if len(data) > MAX_SAMPLES:
        text = _("%(count)d samples are too many: send at most %(most)d at once.")
        raise ValidationError(text % {"count": len(data), "most": MAX_SAMPLES}, code="too_many_samples")
    return data


def _samples(items: list[Any]) -> Iterator[Sample | BadItem]:
    """Each item as ingest takes it. What has the wrong type stays as it is: ingest says what is wrong."""
    instances = find_instances([item.get("instance") for item in items if isinstance(item, dict)])
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            yield BadItem((SampleError(index, "", "not_an_object", _("A sample must be an object.")),))
            continue
        errors = [] if MUST <= item.keys() <= MAY else list(_shape_errors(index, item))
        key = item.get("instance")
        instance = instances.get(key) if key is not None and is_key(key) else None
        if instance is None and "instance" in item:
            text = _("There is no such instance: create it first.")
            errors.append(SampleError(index, "instance_id", "unknown_instance", text))
        sample = Sample(
            instance.pk if instance else 0,
            item.get("database_name"),  # type: ignore[arg-type]
            _moment(item.get("collected_at")),
            item.get("size_bytes"),  # type: ignore[arg-type]
            item.get("data_size_bytes"),
            item.get("log_size_bytes"),
        )
        yield BadItem(tuple(errors), sample) if errors else sample


def _shape_errors(index: int, item: dict[str, Any]) -> Iterator[SampleError]:
    for name in REQUIRED:
        if name not in item:
            attr = "instance_id" if name == "instance" else name
            yield SampleError(index, attr, "required", _("This field is required."))
    for name in sorted(map(str, item.keys() - MAY)):
        text = _("There is no such field; there are: %(known)s.") % {"known": ", ".join((*REQUIRED, *OPTIONAL))}
        yield SampleError(index, name, "unknown_field", text)


def _moment(value: Any) -> Any:
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return value
