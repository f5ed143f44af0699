from functools import reduce
from operator import or_
from typing import Any

from django.contrib import admin
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from capacity.admin.cells import change_cell, sample_cell, size_cell, state_of, unknown
from capacity.insight.growth import LATE_AFTER, MONTH, WEEK, daily_sizes, days_until
from capacity.inventory.rules import HISTORY
from capacity.models import Instance
from capacity.periods import today

from . import connection, history
from .actions import InstanceActions
from .forms import InstanceForm
from .sparkline import sparkline

SPARK_DAYS = 30


def known_first(name: str) -> Coalesce:
    """To sort by: what is unknown is the least, on both databases."""
    return Coalesce(F(name), Value(-(2**63)))


class LateFilter(admin.SimpleListFilter):
    """Active instances whose samples do not come any more."""

    title = gettext_lazy("last sample")
    parameter_name = "sample"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("late", _("active, none for 2 days"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Instance]) -> QuerySet[Instance]:
        if self.value() != "late":
            return queryset
        since = timezone.now() - LATE_AFTER
        return queryset.filter(Q(state=None) | Q(state__last_sample_at__lt=since), is_active=True)


@admin.register(Instance)
class InstanceAdmin(InstanceActions):
    form = InstanceForm
    fields = InstanceForm.shown
    list_display = ["name", "engine", "databases", "size", "week", "month", "spark", "sample", "is_active"]
    list_filter = ["db_type", "is_active", LateFilter]
    list_per_page = 50
    search_fields = ["name", "host", "description"]
    change_form_outer_before_template = "capacity/instance/history.html"
    change_form_before_template = "capacity/instance/connection.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Instance]:
        # Not decrypted for a page that does not need it.
        return super().get_queryset(request).defer("password").select_related("state")

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """With what the spark lines need, of the rows of this page alone."""
        changelist = super().get_changelist_instance(request)
        rows = list(changelist.result_list)
        days = days_until(today(), SPARK_DAYS)
        sizes = daily_sizes([row.pk for row in rows], days[0], days[-1])
        for row in rows:
            row.daily_sizes = [sizes.get(row.pk, {}).get(day) for day in days]
        changelist.result_list = rows
        return changelist

    def get_fields(self, request: HttpRequest, obj: Instance | None = None) -> Any:
        fields = super().get_fields(request, obj)
        # Who may only look would be shown the stored password.
        editable = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        return fields if editable else [name for name in fields if name != "password"]

    def get_urls(self) -> list[Any]:
        test = self.admin_site.admin_view(self.test_connection)
        return [
            path("test-connection/", test, name="capacity_instance_test_new_connection"),
            path("<path:object_id>/test-connection/", test, name="capacity_instance_test_connection"),
            *super().get_urls(),
        ]

    def test_connection(self, request: HttpRequest, object_id: str | None = None) -> HttpResponse:
        return connection.test(self, request, object_id)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        instance = self.get_object(request, object_id) if object_id else None
        context: dict[str, Any] = {"test_button": connection.button_attributes(instance)}
        # Not above a form that comes back with errors.
        if instance and request.method == "GET":
            context["history"] = history.of(instance, request)
            context["may_run"] = self.has_trigger_aggregation_permission(request)
        return super().changeform_view(request, object_id, form_url, {**context, **(extra_context or {})})

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        of_it = [Exists(model._default_manager.filter(instance=OuterRef("pk"))) for model in HISTORY]
        chosen = Instance.objects.filter(pk__in=[one.pk for one in objs])
        kept = chosen.filter(reduce(or_, of_it)).values_list("name", flat=True)
        if kept:
            text = _(
                "%(name)s has samples or period rows: deactivate it instead. `manage.py purge_instance` deletes "
                "its history too."
            )
            return [], {}, set(), [text % {"name": name} for name in kept]
        return super().get_deleted_objects(objs, request)

    @admin.display(description=gettext_lazy("engine"), ordering="db_type")
    def engine(self, row: Any) -> str:
        return row.get_db_type_display()

    @admin.display(description=gettext_lazy("databases"), ordering=known_first("state__last_database_count"))
    def databases(self, row: Any) -> Any:
        state = state_of(row)
        return state.last_database_count if state else unknown(_("No sample yet."))

    @admin.display(description=gettext_lazy("size"), ordering=known_first("state__last_size_bytes"))
    def size(self, row: Any) -> str:
        return size_cell(state_of(row))

    @admin.display(description=gettext_lazy("change in a week"), ordering=known_first("state__week_change_bytes"))
    def week(self, row: Any) -> str:
        return change_cell(state_of(row), WEEK)

    @admin.display(description=gettext_lazy("change in a month"), ordering=known_first("state__month_change_bytes"))
    def month(self, row: Any) -> str:
        return change_cell(state_of(row), MONTH)

    @admin.display(description=gettext_lazy("30 days"))
    def spark(self, row: Any) -> str:
        return sparkline(row.daily_sizes)

    @admin.display(description=gettext_lazy("last sample"), ordering="state__last_sample_at")
    def sample(self, row: Any) -> str:
        return sample_cell(state_of(row), timezone.now(), row.is_active)
