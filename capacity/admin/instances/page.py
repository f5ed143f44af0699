from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from unfold.decorators import display

from capacity.admin.cells import sample_cell, state_of, unknown
from capacity.admin.columns import nulls_last, state_columns
from capacity.admin.exporting import Exports
from capacity.admin.limit_action import SetsLimits
from capacity.admin.sizes.compare import compare_targets
from capacity.errors import InstanceHasHistory
from capacity.insight.growth import LATE_AFTER, daily_sizes, days_until
from capacity.insight.series import Target
from capacity.insight.sparkline import sparkline
from capacity.inventory.deletion import delete_instance, refusals
from capacity.models import Instance, InstanceSizeStat
from capacity.periods import today
from sync_sessions.common.admin.filters import TagFilter, midnight
from sync_sessions.common.words import listed

from . import connection, history
from .forms import InstanceForm
from .importing import ImportsInstances
from .periods import PeriodActions
from .sums import sums_line

SPARK_DAYS = 30


class LateFilter(admin.SimpleListFilter):
    """Active instances whose samples do not come any more."""

    title = gettext_lazy("last sample")
    parameter_name = "sample"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("late", _("active, none for 2 days")), ("never", _("active, never measured"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Instance]) -> QuerySet[Instance]:
        if self.value() not in ("late", "never"):
            return queryset
        since = timezone.now() - LATE_AFTER
        if self.value() == "never":
            return queryset.filter(state=None, is_active=True, created_at__lt=since)
        return queryset.filter(state__last_sample_at__lt=since, is_active=True)


class MissingFilter(admin.SimpleListFilter):
    """Active instances without a sample on a day, to which the dashboard's coverage leads."""

    title = gettext_lazy("no sample on")
    parameter_name = "missing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(day), date_format(day)) for day in reversed(days_until(today(), SPARK_DAYS))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Instance]) -> QuerySet[Instance]:
        if self.value() not in dict(self.lookup_choices):
            return queryset
        day = date.fromisoformat(self.value() or "")
        there = InstanceSizeStat.objects.filter(instance=OuterRef("pk"))
        # As the coverage counts them: from its creation or its first sample on.
        begun = Q(created_at__lt=midnight(day + timedelta(days=1))) | Q(state__first_day__lt=day)
        return queryset.filter(begun, ~Exists(there.filter(collected_on=day)), is_active=True)


@admin.register(Instance)
class InstanceAdmin(SetsLimits, ImportsInstances, PeriodActions, Exports):
    actions_list = [*PeriodActions.actions_list, "import_file"]
    form = InstanceForm
    fields = InstanceForm.shown
    list_display = [
        "name",
        "engine",
        *state_columns(state_of, "state__"),
        "sample",
        "active",
        "databases",
        "spark",
    ]
    list_filter = ["db_type", TagFilter, "is_active", LateFilter, MissingFilter]
    list_filter_submit = True
    autocomplete_fields = ["tags"]
    list_per_page = 50
    ordering = ["name"]
    search_fields = ["name", "host", "description"]
    actions = [*PeriodActions.actions, "compare_chosen", "set_limit"]
    limit_names = ("name",)
    limit_size = "state__last_size_bytes"
    list_before_template = "capacity/instance/sums.html"
    change_form_outer_before_template = "capacity/instance/history.html"
    change_form_after_template = "capacity/instance/connection.html"

    class Media:
        js = ["capacity/instance_form.js"]

    @admin.action(description=gettext_lazy("Compare"), permissions=["view"])
    def compare_chosen(self, request: HttpRequest, queryset: QuerySet[Instance]) -> HttpResponse | None:
        return compare_targets(self, request, [(pk, "") for pk in queryset.values_list("pk", flat=True)])

    def limit_targets(self, rows: QuerySet[Instance]) -> list[Target]:
        return [(pk, "") for pk in rows.values_list("pk", flat=True)]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Instance]:
        return super().get_queryset(request).select_related("state").prefetch_related("tags")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        answer = super().changelist_view(request, extra_context)
        if changelist := (getattr(answer, "context_data", None) or {}).get("cl"):
            answer.context_data["sums"] = sums_line(changelist.queryset)
        return answer

    def complete(self, rows: list[Any]) -> None:
        """With what the spark lines need."""
        super().complete(rows)
        days = days_until(today(), SPARK_DAYS)
        sizes = daily_sizes([row.pk for row in rows], days[0], days[-1])
        for row in rows:
            row.daily_sizes = [sizes.get(row.pk, {}).get(day) for day in days]

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
        context: dict[str, Any] = {
            "test_button": connection.button_attributes(instance),
            "engines": connection.engines(),
        }
        # Not above a form that comes back with errors.
        if instance and request.method == "GET":
            context["history"] = history.of(instance, request)
            context["may_see_databases"] = request.user.has_perm("capacity.view_databasesizestat")
            context["may_run"] = self.has_trigger_aggregation_permission(request)
        return super().changeform_view(request, object_id, form_url, {**context, **(extra_context or {})})

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        kept = [self._told(request, refusal) for refusal in refusals(objs)]
        return ([], {}, set(), kept) if kept else super().get_deleted_objects(objs, request)

    def delete_model(self, request: HttpRequest, obj: Instance) -> None:
        delete_instance(obj, by=request.user)

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Instance]) -> None:
        for instance in queryset:
            delete_instance(instance, by=request.user)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Nothing: `delete_instance` says so in the history when it has happened."""

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        return self._refused(
            request, lambda: super(InstanceAdmin, self).delete_view(request, object_id, extra_context)
        )

    def response_action(self, request: HttpRequest, queryset: QuerySet[Instance]) -> Any:
        act = super().response_action
        return self._refused(request, lambda: act(request, queryset))

    def _refused(self, request: HttpRequest, answer: Callable[[], Any]) -> Any:
        """The answer; or, when a sample came in after the look at what would be deleted, the list with the reason."""
        try:
            return answer()
        except InstanceHasHistory as error:
            self.message_user(request, self._told(request, error), messages.ERROR)
            return redirect("admin:capacity_instance_changelist")

    def _told(self, request: HttpRequest, refusal: InstanceHasHistory) -> str:
        how = _("`manage.py purge_instance` deletes its history too.")
        return f"{refusal} {how}" if request.user.is_superuser else str(refusal)

    @admin.display(description=gettext_lazy("engine and tags"), ordering="db_type")
    def engine(self, row: Any) -> str:
        tags = listed(tag.name for tag in row.tags.all())
        return format_html('{}<span class="block text-subtle text-xs">{}</span>', row.get_db_type_display(), tags)

    @admin.display(
        description=pgettext_lazy("how many", "databases"), ordering=nulls_last("state__last_database_count")
    )
    def databases(self, row: Any) -> Any:
        state = state_of(row)
        return state.last_database_count if state else unknown(_("No sample yet."))

    @admin.display(description=gettext_lazy("30 days"))
    def spark(self, row: Any) -> str:
        return sparkline(row.daily_sizes)

    @display(description=gettext_lazy("state"), ordering="is_active", label={True: "success", False: "default"})
    def active(self, row: Any) -> tuple[bool, str]:
        return row.is_active, _("Active") if row.is_active else _("Inactive")

    @admin.display(description=gettext_lazy("last sample"), ordering=nulls_last("state__last_sample_at"))
    def sample(self, row: Any) -> str:
        return sample_cell(state_of(row), timezone.now(), row.created_at if row.is_active else None)
