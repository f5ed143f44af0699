"""The rows of django-celery-beat as they are, in the theme, for superusers. Others have the form for people."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django_celery_beat import admin as beat
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from unfold.admin import TabularInline
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from sync_sessions.common.admin.base import ModelAdmin


class SuperusersOnly:
    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)


class TaskSelect(UnfoldAdminSelectWidget, beat.TaskSelectWidget):
    pass


class TaskForm(beat.PeriodicTaskForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = TaskSelect()


class TaskInline(beat.PeriodicTaskInline, TabularInline):
    pass


class ScheduleAdmin(SuperusersOnly, ModelAdmin):
    inlines = [TaskInline]


class PeriodicTaskAdmin(SuperusersOnly, beat.PeriodicTaskAdmin, ModelAdmin):
    form = TaskForm
    change_form_template = None  # its own brings an inline script, which the security policy does not let run
    date_hierarchy = None
    list_display = ["name", "task", "enabled", "scheduler", "last_run_at"]
    list_filter = ["enabled", "task"]
    actions = ["enable_tasks", "disable_tasks"]  # running is left to the form for people, which opens a session


class CrontabScheduleAdmin(ScheduleAdmin, beat.CrontabScheduleAdmin):
    inlines = [TaskInline]


class ClockedScheduleAdmin(ScheduleAdmin, beat.ClockedScheduleAdmin):
    inlines = [TaskInline]


ADMINS: dict[Any, Any] = {
    PeriodicTask: PeriodicTaskAdmin,
    CrontabSchedule: CrontabScheduleAdmin,
    ClockedSchedule: ClockedScheduleAdmin,
    IntervalSchedule: ScheduleAdmin,
    SolarSchedule: ScheduleAdmin,
}
for model, model_admin in ADMINS.items():
    admin.site.unregister(model)
    admin.site.register(model, model_admin)
