"""Users and groups. Nobody gives away a permission that they lack, nor manages somebody who may do more."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as BaseGroupAdmin
from django.contrib.auth.admin import UserAdmin as BaseUserAdmin
from django.contrib.auth.models import Group, Permission, User
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop, pgettext_lazy
from unfold.forms import AdminOwnPasswordChangeForm, AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminSelect2MultipleWidget, UnfoldBooleanSwitchWidget

from capacity.collection.validation import clean_text
from sync_sessions.common.admin.base import ModelAdmin
from sync_sessions.common.words import told
from whalefall.accounts.rights import beyond, held_by

admin.site.unregister(User)
admin.site.unregister(Group)


#: {the beginning of a permission's codename: what it lets one do}
VERBS = {
    "add": pgettext_lazy("permission", "add"),
    "change": pgettext_lazy("permission", "change"),
    "delete": pgettext_lazy("permission", "delete"),
    "view": pgettext_lazy("permission", "view"),
}
#: Of our own; stored in English.
OWN_PERMISSIONS = (gettext_noop("Can start aggregation runs"), gettext_noop("Can cancel a running sync session"))


def permission_words(permission: Permission) -> str:
    """In the reader's language: "Instances: view", or its own sentence."""
    model = permission.content_type.model_class()
    verb = VERBS.get(permission.codename.partition("_")[0])
    things = capfirst(str(model._meta.verbose_name_plural)) if model else permission.content_type.model
    return told(things, verb if verb else _(permission.name))


class NoEscalation(ModelAdmin):
    """The admin of something that holds permissions: only who has all of them changes or deletes it."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and self.is_within(request.user, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and self.is_within(request.user, obj)

    def is_within(self, user: Any, obj: Any) -> bool:
        if obj is None or user.is_superuser:
            return True
        if getattr(obj, "is_superuser", False):
            return False
        held = obj.permissions.all() if isinstance(obj, Group) else held_by(obj)
        return not held.filter(pk__in=beyond(user)).exists()

    def formfield_for_manytomany(self, db_field: Any, request: Any = None, **options: Any) -> Any:
        if not request.user.is_superuser:
            if db_field.related_model is Permission:
                options["queryset"] = held_by(request.user)
            elif db_field.related_model is Group:
                options["queryset"] = Group.objects.exclude(permissions__in=beyond(request.user))
        field = super().formfield_for_manytomany(db_field, request, **options)
        if db_field.related_model is Permission:
            field.label_from_instance = permission_words
        # To search in; the two lists of Django's widget reach beyond a small window.
        field.help_text = ""
        field.widget = UnfoldAdminSelect2MultipleWidget(choices=field.choices)
        return field


#: Said where a password is changed, one's own and that of another.
TOKENS_END = gettext_lazy("Enter it again. API tokens made so far end with the old password.")
for form, again in ((AdminOwnPasswordChangeForm, "new_password2"), (AdminPasswordChangeForm, "password2")):
    form.base_fields[again].help_text = TOKENS_END


class NewUserForm(UserCreationForm):
    """There is nothing but these pages to log in to: who is added may, and belongs to groups from the beginning."""

    is_staff = forms.BooleanField(
        label=gettext_lazy("May log in to these pages"),
        initial=True,
        required=False,
        widget=UnfoldBooleanSwitchWidget,
    )

    class Meta(UserCreationForm.Meta):
        fields = ("username", "is_staff", "groups")


@admin.register(User)
class UserAdmin(NoEscalation, BaseUserAdmin):  # type: ignore[misc]  # its stubs know a parameter of a later Django
    form = UserChangeForm
    add_form = NewUserForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "email", "is_active", "is_staff", "is_superuser", "last_login"]
    readonly_fields = ["last_login", "date_joined"]
    filter_horizontal = ()
    # The theme's own, which is empty, would come first.
    add_fieldsets = (
        (None, {"fields": ("username", "usable_password", "password1", "password2", "is_staff", "groups")}),
    )

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """None who has done anything: the lines of the history that say so would go with the user."""
        acted = User.objects.filter(pk__in=[one.pk for one in objs], logentry__isnull=False).distinct()
        if kept := acted.values_list("username", flat=True):
            text = _("%(name)s is in the history of what was done here: deactivate the user instead.")
            return [], {}, set(), [text % {"name": name} for name in kept]
        return super().get_deleted_objects(objs, request)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if request.user.is_superuser:
            return fieldsets
        # Others give permissions through groups alone.
        hidden = {"is_superuser", "user_permissions"}
        return [
            (title, {**options, "fields": [name for name in options["fields"] if name not in hidden]})
            for title, options in fieldsets
        ]


class GroupForm(forms.ModelForm):
    def clean_name(self) -> str:
        return clean_text(self.cleaned_data["name"])


@admin.register(Group)
class GroupAdmin(NoEscalation, BaseGroupAdmin):  # type: ignore[misc]  # as above
    filter_horizontal = ()
    form = GroupForm
