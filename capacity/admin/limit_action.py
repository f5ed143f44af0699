"""One limit for many at once, from the lists of databases and of instances."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextInputWidget

from capacity.insight.series import Target
from capacity.inventory.limits import enter_limits
from capacity.units import format_bytes

from .asking import ask
from .limits import SizeForm, volume_field

EACH, SHARED = "each", "shared"


class LimitsForm(SizeForm):
    """A size, and whether it is that of each or of all of them together."""

    whose = forms.ChoiceField(
        label=gettext_lazy("Whose"),
        choices=[
            (EACH, gettext_lazy("each has a limit of its own, of that size")),
            (SHARED, gettext_lazy("they share a volume: it is the limit of all of them together")),
        ],
        initial=EACH,
        widget=UnfoldAdminRadioSelectWidget,
    )
    shared_key = volume_field(
        gettext_lazy("The name of the volume that they share. Others that have this name already are on it, too.")
    )
    note = forms.CharField(
        label=gettext_lazy("Note"), max_length=2000, required=False, widget=UnfoldAdminTextInputWidget
    )
    field_order = ["amount", "unit", "whose", "shared_key", "note"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        whose, key = cleaned.get("whose"), cleaned.get("shared_key")
        if whose == SHARED and key == "":
            self.add_error("shared_key", _("Name the volume that they share."))
        if whose == EACH and key:
            text = _("A volume is named, and yet each has a limit of its own: choose one of the two.")
            self.add_error("shared_key", text)
        return cleaned


class SetsLimits(ModelAdmin):
    """The action."""

    limit_names: tuple[str, ...]  #: lookups of what a row is called
    limit_size: str  #: lookup of how large it is

    def limit_targets(self, rows: QuerySet[Any]) -> list[Target]:
        raise NotImplementedError

    def has_set_limit_permission(self, request: HttpRequest) -> bool:
        """Some are added, and others replaced."""
        return all(request.user.has_perm(f"capacity.{verb}_capacitylimit") for verb in ("add", "change"))

    @admin.action(description=gettext_lazy("Set a limit"), permissions=["set_limit"])
    def set_limit(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        rows = queryset.order_by(*self.limit_names)
        form = LimitsForm(request.POST if "confirmed" in request.POST else None)
        if not form.is_valid():
            text = ngettext("Which limit shall it get?", "Which limit shall these %(count)d get?", rows.count())
            return ask(self, request, text, _("Set the limit"), rows, *self.limit_names, form=form)
        targets = self.limit_targets(rows)
        size, key = form.size_bytes, form.cleaned_data["shared_key"]
        added, replaced = enter_limits(targets, size, shared_key=key, note=form.cleaned_data["note"], by=request.user)
        text = _("Limit %(size)s: %(added)d entered, %(replaced)d replaced.")
        told = {"size": format_bytes(size), "added": added, "replaced": replaced}
        self.message_user(request, text % told, messages.SUCCESS)
        if warning := self._too_small(rows, size, shared=bool(key)):
            self.message_user(request, warning, messages.WARNING)
        return None

    def _too_small(self, rows: QuerySet[Any], size: int, *, shared: bool) -> str:
        """What is over the limit from the first moment on, which is more often a slip than meant."""
        sizes = [one or 0 for one in rows.values_list(self.limit_size, flat=True)]
        if shared:
            text = _("Together they are larger than that already: %(size)s.")
            return text % {"size": format_bytes(sum(sizes))} if sum(sizes) > size else ""
        count = sum(one > size for one in sizes)
        text = ngettext(
            "%(count)d of them is larger than that already.", "%(count)d of them are larger than that already.", count
        )
        return text % {"count": count} if count else ""
