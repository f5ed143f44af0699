"""Schedules: the list, and the form for people. The raw rows of django-celery-beat are for superusers."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import action, display

from capacity.admin.conditions import shown_if
from capacity.admin.previewed import preview_button
from capacity.models import Schedule
from capacity.schedules import default_schedules
from capacity.scheduling.reading import read
from capacity.scheduling.store import delete_schedules, save_schedule, switch
from capacity.scheduling.words import row_what, row_when, sentence
from sync_sessions.common.admin.base import ModelAdmin
from sync_sessions.common.broker import has_broker
from sync_sessions.common.words import listed
from sync_sessions.life import silence_text, silent

from . import run_now
from .form import USED_BY, ScheduleForm, shown_description
from .listing import (
    ScheduleChangeList,
    next_run_cell,
    overview_of,
    problem_cell,
    run_now_url,
    session_cell,
    unknown_tags_words,
)
from .panel import form_panel, row_panel

#: Beat makes it for itself, and makes it again: nothing for people.
CELERYS_OWN = "celery.backend_cleanup"
COMMAND = gettext_lazy("`manage.py install_schedules` makes the default schedules that are missing.")


@admin.register(Schedule)
class ScheduleAdmin(ModelAdmin):
    form = ScheduleForm
    list_display = ["title", "what", "when", "next_run", "last_session", "state", "run_link"]
    list_filter = ["enabled"]
    list_select_related = ["crontab", "interval", "solar", "clocked"]
    search_fields = ["name", "description"]
    actions = ["enable", "disable"]
    actions_detail = ["run_now"]
    change_form_before_template = "capacity/schedule/panel.html"
    conditional_fields = {name: shown_if(*used) for name, used in USED_BY.items()}
    warn_unsaved_form = True

    # The permissions are those of the row that is behind it.

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        names = ("view", "change")
        return any(request.user.has_perm(f"django_celery_beat.{name}_periodictask") for name in names)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("django_celery_beat.add_periodictask")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A row that the form cannot show is not changed by it."""
        allowed = request.user.has_perm("django_celery_beat.change_periodictask")
        return allowed and (obj is None or read(obj).is_plain)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("django_celery_beat.delete_periodictask")

    def has_run_now_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        allowed = request.user.has_perm("capacity.trigger_aggregation") and self.has_view_permission(request)
        if not allowed or object_id is None:
            return allowed
        schedule = self.get_object(request, str(object_id))
        what = read(schedule).what if schedule else None
        return bool(what and what.can_run_now)

    # The list.

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ScheduleChangeList]:
        return ScheduleChangeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Schedule]:
        return super().get_queryset(request).exclude(name=CELERYS_OWN)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        if request.method == "GET" and not self.get_queryset(request).exists():
            self._inform(request, _("There is no schedule."), COMMAND, messages.INFO)
        if request.method == "GET":
            self._warn_of_what_is_missing(request)
        return super().changelist_view(request, extra_context)

    @admin.display(description=gettext_lazy("name"), ordering="name")
    def title(self, schedule: Schedule) -> str:
        return str(schedule)

    @admin.display(description=gettext_lazy("description"))
    def about(self, schedule: Schedule) -> str:
        return shown_description(schedule)

    @admin.display(description=gettext_lazy("what"))
    def what(self, schedule: Schedule) -> SafeString:
        overview = overview_of(schedule)
        return problem_cell(row_what(overview.reading, schedule), unknown_tags_words(overview))

    @admin.display(description=gettext_lazy("when"))
    def when(self, schedule: Schedule) -> SafeString:
        reading = overview_of(schedule).reading
        # Why the reaper is not changed here is said on its page: nothing is wrong with it.
        problem = "" if reading.what and reading.crontab and not reading.bounded else reading.problem
        return problem_cell(row_when(reading, schedule), problem)

    @admin.display(description=gettext_lazy("next run"))
    def next_run(self, schedule: Schedule) -> Any:
        return next_run_cell(schedule)

    @admin.display(description=gettext_lazy("last session"))
    def last_session(self, schedule: Schedule) -> SafeString:
        return session_cell(schedule)

    @display(description=gettext_lazy("state"), label={True: "success", False: "warning"}, ordering="enabled")
    def state(self, schedule: Schedule) -> tuple[bool, str]:
        return schedule.enabled, _("On") if schedule.enabled else _("Off")

    @admin.display(description=gettext_lazy("state"))
    def switch(self, schedule: Schedule) -> str:
        return self.state(schedule)[1]

    @admin.display(description=gettext_lazy("run now"))
    def run_link(self, schedule: Any) -> str:
        if not schedule.may_run:
            return "–"
        label = _("Run now: %(name)s") % {"name": schedule}
        return format_html(
            '<a class="text-primary-600 underline dark:text-primary-500" href="{}" aria-label="{}">{}</a>',
            run_now_url(schedule),
            label,
            _("Run now"),
        )

    @admin.action(description=gettext_lazy("Switch on"), permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Schedule]) -> None:
        changed = self._switch(request, queryset, True)
        text = ngettext("%(count)d schedule switched on.", "%(count)d schedules switched on.", changed)
        self._say(request, text % {"count": changed})

    @admin.action(description=gettext_lazy("Switch off"), permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Schedule]) -> None:
        changed = self._switch(request, queryset, False)
        text = ngettext("%(count)d schedule switched off.", "%(count)d schedules switched off.", changed)
        self._say(request, text % {"count": changed})

    # The form.

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if change and not self.has_change_permission(request, obj):
            # Nothing to fill in, and perhaps nothing that ours could show.
            kwargs |= {"form": forms.ModelForm}
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj and not self.has_change_permission(request, obj):
            return [(None, {"fields": ["title", "what", "when", "switch", "about"]})]
        return [
            (None, {"fields": ["name", "enabled"]}),
            (_("What it does"), {"fields": ["job", "tags", "periods", "scope"]}),
            (_("When it runs"), {"fields": ["frequency", "every", "minute", "weekdays", "month", "day", "at"]}),
            (_("Notes"), {"fields": ["description"]}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        editable = obj is None or self.has_change_permission(request, obj)
        return [] if editable else ["title", "what", "when", "switch", "about"]

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.method == "GET":
            self._warn_of_what_is_missing(request)
        return super().changeform_view(request, *args, **kwargs)

    def render_change_form(self, request: Any, context: Any, *args: Any, obj: Any = None, **kwargs: Any) -> Any:
        form, now = context["adminform"].form, timezone.now()
        editing = isinstance(form, ScheduleForm)
        context["panel"] = form_panel(form, now) if editing else row_panel(request, obj, now)
        if editing:
            context["actions_submit_line"] = [preview_button(_("Show the next runs"))]
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Nothing is written when nothing was changed."""
        if not form.changed_data:
            return
        what, when = form.plan()
        save_schedule(obj, what, when)
        first = _("Next run: %(at)s.") % {"at": next_run_cell(obj)} if obj.enabled else _("It is off.")
        self._say(request, sentence(what, when), first)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        defaults = {default.name for default in default_schedules()}
        names = [str(one) for one in objs if one.name in defaults]
        if names and "post" not in request.POST:
            text = ngettext(
                "%(names)s is a default schedule: to be rid of it, switch it off instead.",
                "%(names)s are default schedules: to be rid of them, switch them off instead.",
                len(names),
            )
            self._inform(request, text % {"names": listed(names)}, COMMAND, messages.WARNING)
        return super().get_deleted_objects(objs, request)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        delete_schedules([obj])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Schedule]) -> None:
        delete_schedules(queryset)

    # Running.

    def get_urls(self) -> list[Any]:
        page = self.admin_site.admin_view(self.catch_up)
        return [path("catch-up/", page, name="capacity_schedule_catch_up"), *super().get_urls()]

    def catch_up(self, request: HttpRequest) -> HttpResponse:
        if not request.user.has_perm("capacity.trigger_aggregation"):
            raise PermissionDenied
        return run_now.ask_to_catch_up(self, request)

    @action(description=gettext_lazy("Run now"), permissions=["run_now"], url_path="run-now", icon="play_arrow")
    def run_now(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return run_now.run_now(self, request, Schedule.objects.get(pk=object_id))

    def _warn_of_what_is_missing(self, request: HttpRequest) -> None:
        if not has_broker():
            how = _(
                "Set REDIS_URL and start beat and a worker, or run `manage.py collect`, `manage.py aggregate "
                "--stale`, `manage.py insight`, `manage.py evaluate_alerts`, `manage.py purge_samples`, each week "
                "`manage.py snapshot_tables` and each minute `manage.py send_notifications` from cron."
            )
            text = _("There is no Redis, so nothing runs these schedules.")
            self._inform(request, text, how, messages.WARNING)
        for sign in silent():
            self.message_user(request, silence_text(sign), messages.ERROR)

    def _inform(self, request: HttpRequest, text: str, how: Any, level: int) -> None:
        """With what is done on the server, for those who may have access to it."""
        self.message_user(request, f"{text} {how}" if request.user.is_superuser else text, level)

    def _switch(self, request: HttpRequest, queryset: QuerySet[Schedule], on: bool) -> int:
        """Gives how many were the other way; each has an entry in its history."""
        with transaction.atomic():
            changed = switch(queryset, on)
            said = [{"changed": {"fields": ["On"]}}]
            LogEntry.objects.log_actions(request.user.pk, changed, CHANGE, said)  # type: ignore[arg-type]
        return len(changed)

    def _say(self, request: HttpRequest, *sentences: str) -> None:
        # Without a broker the page says that nothing runs them.
        when = [_("Beat takes it up within 5 seconds.")] if has_broker() else []
        self.message_user(request, " ".join([*sentences, *when]), messages.SUCCESS)
