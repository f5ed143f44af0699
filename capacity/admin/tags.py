from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy, ngettext

from capacity.models import Tag
from capacity.scheduling.tags import save_tag
from sync_sessions.common.admin.deletion import CountedDeletion
from sync_sessions.common.words import listed

NAMED = 5  #: schedules, when a tag of theirs is renamed


@admin.register(Tag)
class TagAdmin(CountedDeletion):
    list_display = ["name", "instance_count"]
    ordering = ["name"]
    search_fields = ["name"]
    list_per_page = 50
    none_yet = gettext_lazy("No tag yet: add one, and give it to instances in their list.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tag]:
        return super().get_queryset(request).annotate(instance_count=Count("instances"))

    def save_model(self, request: HttpRequest, obj: Tag, form: Any, change: bool) -> None:
        if schedules := save_tag(obj, by=request.user):
            text = ngettext(
                "%(count)d schedule names the tag as it is called now: %(names)s.",
                "%(count)d schedules name the tag as it is called now: %(names)s.",
                len(schedules),
            )
            names = listed(schedules[:NAMED]) + ("" if len(schedules) <= NAMED else " …")
            self.message_user(request, text % {"count": len(schedules), "names": names}, messages.INFO)

    @admin.display(description=gettext_lazy("instances"), ordering="instance_count")
    def instance_count(self, tag: Any) -> str:
        address = f"{reverse('admin:capacity_instance_changelist')}?{urlencode({'tag': tag.name})}"
        text = ngettext("%(count)d instance", "%(count)d instances", tag.instance_count) % {
            "count": tag.instance_count
        }
        return format_html('<a class="text-link" href="{}">{}</a>', address, text)
