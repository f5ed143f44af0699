"""API tokens: who has one and until when. Neither a token nor its hash is on any page or in the history."""

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import ADDITION, DELETION, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from knox.models import AuthToken
from unfold.admin import checkbox
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from capacity.collection.validation import clean_text
from sync_sessions.admin.cells import moment
from sync_sessions.common.admin.base import ModelAdmin
from whalefall.accounts.rights import beyond
from whalefall.accounts.tokens import DEFAULT_DAYS, LONGEST_NAME, MOST_DAYS, issue

admin.site.unregister(AuthToken)

HANDLE = 16  #: so much of the hash, the key of the row, tells one token from the others


def users_within(user: Any) -> QuerySet[User]:
    """The users who may do nothing that this one may not: a token for another would lend their rights."""
    users = User.objects.all()
    if user.is_superuser:
        return users
    lacking = beyond(user)
    more = Q(is_superuser=True) | Q(user_permissions__in=lacking) | Q(groups__permissions__in=lacking)
    return users.exclude(pk__in=User.objects.filter(more).values("pk"))


class TokenForm(forms.ModelForm):
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=LONGEST_NAME,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("What it is for, or where it is used: Grafana, the backup of prod-pg-1."),
    )
    days = forms.IntegerField(
        label=gettext_lazy("Valid for days"),
        min_value=1,
        max_value=MOST_DAYS,
        initial=DEFAULT_DAYS,
        widget=UnfoldAdminIntegerFieldWidget,
    )

    class Meta:
        model = AuthToken
        fields = ["user"]
        labels = {"user": gettext_lazy("User")}

    def clean_name(self) -> str:
        return clean_text(self.cleaned_data["name"])


def name_of(token: Any) -> str:
    """What was said of it when it was made; "" of those that are older than names."""
    return token.note.name if hasattr(token, "note") else ""


@admin.register(AuthToken)
class AuthTokenAdmin(ModelAdmin):
    """A list, an action that revokes, and a form that adds. There is no page of a single token."""

    form = TokenForm
    fields = ["name", "user", "days"]
    actions = ["revoke"]
    list_display = ["name", "beginning", "owner", "made", "used", "until"]
    list_display_links = None
    list_select_related = ["user", "note"]
    list_filter = ["user"]
    ordering = ["-created"]

    def get_urls(self) -> Any:
        # The others have the hash in their address.
        return [url for url in super().get_urls() if url.name in ("knox_authtoken_changelist", "knox_authtoken_add")]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_actions(self, request: HttpRequest) -> Any:
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)  # it is called revoke
        return actions

    def formfield_for_foreignkey(self, db_field: Any, request: Any, **options: Any) -> Any:
        options["queryset"] = users_within(request.user).filter(is_active=True)
        return super().formfield_for_foreignkey(db_field, request, **options)

    @admin.display(description=gettext_lazy("name"), ordering="note__name")
    def name(self, token: Any) -> str:
        return name_of(token) or "–"

    @admin.display(description=gettext_lazy("last used"), ordering="note__last_used_at")
    def used(self, token: Any) -> str:
        """To the hour, as that is how it is kept."""
        note = getattr(token, "note", None)
        return moment(note.last_used_at) if note and note.last_used_at else _("never")

    @admin.display(description=gettext_lazy("token"))
    def beginning(self, token: Any) -> str:
        return f"{token.token_key[:8]}…"

    # Not the fields: knox has no names for them in other languages.

    @admin.display(description=gettext_lazy("user"), ordering="user__username")
    def owner(self, token: Any) -> str:
        return str(token.user)

    @admin.display(description=gettext_lazy("made at"), ordering="created")
    def made(self, token: Any) -> str:
        return moment(token.created)

    @admin.display(description=gettext_lazy("valid until"), ordering="expiry")
    def until(self, token: Any) -> str:
        return moment(token.expiry)

    @admin.display(description=ModelAdmin.action_checkbox.short_description)
    def action_checkbox(self, token: Any) -> str:
        return checkbox.render(ACTION_CHECKBOX_NAME, token.pk[:HANDLE])

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        text = issue(obj, form.cleaned_data["days"], form.cleaned_data["name"])
        sentence = _("The token of %(user)s, valid until %(expiry)s. Copy it now: it is not shown again.") % {
            "user": obj.user,
            "expiry": moment(obj.expiry),
        }
        self.message_user(request, format_html("{} <code>{}</code>", sentence, text), messages.SUCCESS)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        return redirect("admin:knox_authtoken_changelist")

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        chosen = {handle[:HANDLE] for handle in request.POST.getlist(ACTION_CHECKBOX_NAME)}
        post = request.POST.copy()
        post.setlist(ACTION_CHECKBOX_NAME, [one.pk for one in queryset if one.pk[:HANDLE] in chosen])
        request.POST = post  # type: ignore[assignment]
        return super().response_action(request, queryset)

    @admin.action(description=gettext_lazy("Revoke"), permissions=["delete"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Those of users who may do more are left to who may manage those users."""
        within = queryset.filter(user__in=users_within(request.user))
        tokens, beyond_reach = list(within), queryset.count() - within.count()
        if beyond_reach:
            text = ngettext(
                "%(count)d token is of a user who may do more than you: it was not revoked.",
                "%(count)d tokens are of users who may do more than you: they were not revoked.",
                beyond_reach,
            )
            self.message_user(request, text % {"count": beyond_reach}, messages.ERROR)
        if not tokens:
            return
        within.delete()
        for token in tokens:
            self._log(request, token, DELETION, "Revoked.")
        text = ngettext("%(count)d token revoked.", "%(count)d tokens revoked.", len(tokens))
        self.message_user(request, text % {"count": len(tokens)}, messages.SUCCESS)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return self._log(request, obj, ADDITION, json.dumps(message))

    def _log(self, request: HttpRequest, token: Any, flag: int, message: str) -> Any:
        """Into the history, by its beginning: Django's own lines would hold the hash."""
        return LogEntry.objects.create(
            user_id=request.user.pk,  # type: ignore[misc]
            content_type=ContentType.objects.get_for_model(AuthToken),
            object_id=token.pk[:HANDLE],
            object_repr=" ".join(filter(None, (name_of(token), self.beginning(token), str(token.user)))),
            action_flag=flag,
            change_message=message,
        )
