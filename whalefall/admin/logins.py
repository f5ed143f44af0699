"""What django-axes writes: failed logins, where an administrator unlocks a name, and those that succeeded."""

from typing import Any

from axes.models import AccessAttempt, AccessLog
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import display

from sync_sessions.common.admin.base import ModelAdmin
from whalefall.accounts.lockout import NAME_LIMIT


class Log(ModelAdmin):
    """To look at, newest first."""

    ordering = ["-attempt_time"]
    search_fields = ["username", "ip_address"]
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        context["show_history"] = False
        return super().render_change_form(request, context, *args, **kwargs)


@admin.register(AccessAttempt)
class AccessAttemptAdmin(Log):
    """Deleting a line unlocks its name at its address; deleting all of a name, the name that is locked everywhere."""

    change_form_before_template = "admin/axes/unlock_hint.html"
    list_display = ["attempt_time", "username", "ip_address", "badge", "user_agent"]
    fields = ["username", "ip_address", "state", "failures_since_start", "attempt_time", "user_agent", "path_info"]
    readonly_fields = ["state"]
    actions = ["unlock"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[AccessAttempt]:
        """With `of_name`: the wrong passwords of the name from all addresses."""
        since = timezone.now() - settings.AXES_COOLOFF_TIME
        same = AccessAttempt.objects.filter(username=OuterRef("username"), attempt_time__gte=since).order_by()
        total = same.values("username").annotate(n=Sum("failures_since_start")).values("n")
        return super().get_queryset(request).annotate(of_name=Subquery(total))

    @admin.display(description=gettext_lazy("state"))
    def state(self, attempt: AccessAttempt) -> str:
        return self.badge(attempt)[1]

    @display(description=gettext_lazy("state"), label={True: "danger", False: "info"})
    def badge(self, attempt: AccessAttempt) -> tuple[bool, str]:
        over = attempt.attempt_time + settings.AXES_COOLOFF_TIME < timezone.now()
        here, everywhere = attempt.failures_since_start, attempt.of_name or 0
        locked = not over and (here >= settings.AXES_FAILURE_LIMIT or everywhere >= NAME_LIMIT)
        return locked, _("Locked out") if locked else _("Open")

    def get_actions(self, request: HttpRequest) -> Any:
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)  # it is called unlock
        return actions

    @admin.action(description=gettext_lazy("Unlock"), permissions=["delete"])
    def unlock(self, request: HttpRequest, queryset: QuerySet[AccessAttempt]) -> None:
        """Deletes the failed logins, so that those names can log in from there at once."""
        count = queryset.count()
        self.log_deletions(request, queryset)
        queryset.delete()
        text = ngettext("%(count)d name can log in again.", "%(count)d names can log in again.", count)
        self.message_user(request, text % {"count": count}, messages.SUCCESS)


@admin.register(AccessLog)
class AccessLogAdmin(Log):
    list_display = ["attempt_time", "logout_time", "username", "ip_address", "user_agent"]
    fields = [*list_display, "path_info"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
