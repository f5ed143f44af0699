"""What became of the instances: a table on the session's page, a page for each, and a list of all."""

from collections import Counter
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.paginator import Page, Paginator
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter, DropdownFilter, RadioFilter
from unfold.decorators import display

from sync_sessions.choices import RecordStatus
from sync_sessions.common.admin.bounded import Bounded, of_instances_named
from sync_sessions.common.admin.filters import StartedFilter, TagFilter
from sync_sessions.common.admin.read_only import ReadOnly
from sync_sessions.common.statuses import VARIANTS
from sync_sessions.details import Line, readable
from sync_sessions.kinds import all_kinds
from sync_sessions.models import SyncInstanceRecord, SyncSession
from sync_sessions.reasons import Reason, known_codes, sentence_of

from . import cells

PER_PAGE = 50


@dataclass(frozen=True)
class Row:
    """One record, for the templates."""

    record: SyncInstanceRecord
    badge: dict[str, str]
    reason: Reason
    duration: str
    details: tuple[Line, ...]
    url: str
    instance_url: str  #: "" for an instance that is gone, or that the reader may not see

    @classmethod
    def of(cls, record: SyncInstanceRecord, request: HttpRequest) -> "Row":
        return cls(
            record,
            cells.badge(record),
            cells.reason(record),
            cells.lasted(record),
            readable(record.sync_details),
            cells.page_of(SyncInstanceRecord, record.pk),
            _instance_url(record, request),
        )


@dataclass(frozen=True)
class Choice:
    """A link of the filter."""

    status: str  #: or the code of a reason
    label: str
    text: str  #: how many
    chosen: bool


def _instance_url(record: SyncInstanceRecord, request: HttpRequest) -> str:
    instances: Any = SyncInstanceRecord._meta.get_field("instance").related_model
    names = (f"{instances._meta.app_label}.{verb}_{instances._meta.model_name}" for verb in ("view", "change"))
    if record.instance_id is None or not any(map(request.user.has_perm, names)):
        return ""
    return cells.page_of(instances, record.instance_id)


def table(session: SyncSession, request: HttpRequest) -> dict[str, Any]:
    """A page of the session's records, what went wrong first; of those with the status and the reason in the address.
    Two queries, however many."""
    counted = session.records.order_by().values_list("status", "error_code").annotate(n=Count("pk"))
    chosen, reason = request.GET.get("status", ""), request.GET.get("reason", "")
    counts, reasons, found = Counter[str](), Counter[str](), 0
    for status, code, count in counted:
        counts[status] += count
        reasons[code] += count
        found += count if chosen in ("", status) and reason in ("", code) else 0
    records: QuerySet[SyncInstanceRecord] = session.records.worst_first()
    if chosen:
        records = records.filter(status=chosen)
    if reason:
        records = records.filter(error_code=reason)
    paginator = Paginator(records, PER_PAGE)
    paginator.count = found  # counted already; of none nothing is asked, whatever the words in the address are
    page: Page[SyncInstanceRecord] = paginator.get_page(request.GET.get("page"))
    return {
        "rows": [Row.of(record, request) for record in page],
        "page": page,
        "status": chosen,
        "reason": reason,
        "reasons": [
            Choice(code, sentence_of(code) or code, cells.whole(count), code == reason)
            for code, count in reasons.most_common()
            if code
        ],
        "choices": [
            Choice("", _("All"), cells.whole(sum(counts.values())), not chosen and not reason),
            *(
                Choice(status, str(label), cells.whole(counts.get(status, 0)), status == chosen)
                for status, label in RecordStatus.choices
                if counts.get(status) or status == chosen
            ),
        ],
    }


class StandingFilter(RadioFilter):
    """The failures that the dashboard tells of."""

    title = gettext_lazy("still failing")
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("yes", _("Failed and not run again since"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[SyncInstanceRecord]:
        if self.value() != "yes":
            return queryset
        of_kinds = (kind.last_failures(queryset.filter(sync_category=kind.category)) for kind in all_kinds())
        return reduce(or_, of_kinds, queryset.none())


class ReasonFilter(DropdownFilter):
    title = gettext_lazy("reason")
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return sorted(((code, sentence_of(code)) for code in known_codes()), key=lambda one: one[1])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(error_code=self.value()) if self.value() else queryset

    def not_known(self) -> list[str]:
        return []  # any code is looked for: an old record may have one that no run ends with any more


@admin.register(SyncInstanceRecord)
class SyncInstanceRecordAdmin(ReadOnly, Bounded):
    list_display = ["instance_name", "state", "why", "items_synced", "session_kind", "completed_at"]
    list_filter = [
        ("status", ChoicesDropdownFilter),
        StandingFilter,
        ReasonFilter,
        ("sync_category", ChoicesDropdownFilter),
        ("session__created_at", StartedFilter),
        ("instance", AutocompleteSelectFilter),
        TagFilter,
    ]
    show_facets = admin.ShowFacets.NEVER  # each count would read the whole table
    list_filter_submit = True
    list_per_page = PER_PAGE
    list_select_related = ["session"]
    none_yet = gettext_lazy("Nothing has run yet: each run leaves a record of each of its instances here.")
    ordering = ["-id"]
    search_fields = ["instance_name", "=session__session_id"]
    search_help_text = gettext_lazy("Instance by its present name, or session id")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[SyncInstanceRecord], search_term: str
    ) -> tuple[QuerySet[SyncInstanceRecord], bool]:
        if not search_term.strip():
            return queryset, False
        try:
            return queryset.filter(session__session_id=UUID(search_term.strip())), False
        except ValueError:
            return of_instances_named(queryset, search_term), False

    def get_queryset(self, request: HttpRequest) -> QuerySet[SyncInstanceRecord]:
        return super().get_queryset(request).select_related("session")

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        if record := kwargs.get("obj"):
            context["row"] = Row.of(record, request)
            context["session_url"] = cells.page_of(SyncSession, record.session_id)
            context["period"] = cells.subject_text(record.session)
            context["times"] = cells.facts(
                (_("started at"), record.started_at and cells.moment(record.started_at)),
                (_("ended at"), record.completed_at and cells.moment(record.completed_at)),
                (_("duration"), context["row"].duration),
            )
        return super().render_change_form(request, context, *args, **kwargs)

    @display(description=gettext_lazy("status"), ordering="status", label=VARIANTS)
    def state(self, record: SyncInstanceRecord) -> tuple[str, str]:
        return record.status, record.get_status_display()

    @display(description=gettext_lazy("reason"))
    def why(self, record: SyncInstanceRecord) -> str:
        return cells.reason(record).sentence or "–"

    @display(description=gettext_lazy("run"))
    def session_kind(self, record: SyncInstanceRecord) -> str:
        return " ".join(filter(None, [record.get_sync_category_display(), cells.subject_text(record.session)]))
