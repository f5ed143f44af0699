"""Limits: staff enter their own, those that collecting has found stand beside them."""

from decimal import Decimal
from operator import attrgetter
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import NON_FIELD_ERRORS
from django.http import HttpRequest
from django.utils.functional import lazy
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from capacity.admin.cells import unknown
from capacity.admin.columns import bytes_column
from capacity.admin.sizes.addresses import instance_link
from capacity.collection.validation import normal_name
from capacity.errors import InputError
from capacity.insight.outlook import usage_of
from capacity.inventory.limits import LimitExists, check_target
from capacity.models import CapacityLimit, LimitSource
from capacity.models.fields import validate_text
from sync_sessions.common.admin.base import ModelAdmin
from sync_sessions.common.admin.filters import TagFilter

GIB, TIB = 2**30, 2**40
UNITS = [(str(GIB), "GiB"), (str(TIB), "TiB")]
LIMIT = bytes_column("limit_bytes", gettext_lazy("limit"), attrgetter("limit_bytes"), ordering="limit_bytes")
SHOWN = ["target", "server", LIMIT, "source", "shared_key", "note", "updated_by", "updated_at"]
MOST = (2**63 - 1) // TIB  #: of the larger unit
A_NUMBER = gettext_lazy("Give the limit as a number of GiB or TiB, such as 500.")
TOO_LARGE = lazy(lambda: _("Give at most %(most)d TiB.") % {"most": MOST}, str)()


class SizeForm(forms.Form):
    """A size as a number and a unit; `size_bytes` of the valid form is whole bytes."""

    amount = forms.DecimalField(
        label=gettext_lazy("Limit"),
        decimal_places=3,
        min_value=Decimal("0.001"),
        max_value=MOST * TIB // GIB,  # of TiB less: `clean_unit`
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any"}),
        error_messages={
            **dict.fromkeys(("required", "invalid"), A_NUMBER),
            "min_value": gettext_lazy("Give a limit above 0, of 0.001 GiB or TiB or more."),
            "max_value": TOO_LARGE,
            "max_decimal_places": gettext_lazy("Give at most three decimals of a GiB or TiB."),
        },
    )
    unit = forms.ChoiceField(label=gettext_lazy("Unit"), choices=UNITS, widget=UnfoldAdminSelectWidget)

    def clean_unit(self) -> int:
        unit = int(self.cleaned_data["unit"])
        if self.cleaned_data.get("amount", 0) * unit > MOST * TIB:
            raise forms.ValidationError(TOO_LARGE, "too_large")
        return unit

    @property
    def size_bytes(self) -> int:
        return int(self.cleaned_data["amount"] * self.cleaned_data["unit"])


def in_units(size: int) -> dict[str, Any]:
    """The values of a SizeForm for that many bytes."""
    unit = TIB if size % TIB == 0 else GIB
    return {"amount": (Decimal(size) / unit).quantize(Decimal("0.001")).normalize() + 0, "unit": str(unit)}


def volume_field(help_text: Any) -> forms.CharField:
    return forms.CharField(
        label=gettext_lazy("Volume"),
        max_length=255,
        required=False,
        validators=[validate_text],
        widget=UnfoldAdminTextInputWidget,
        help_text=help_text,
    )


class LimitForm(SizeForm, forms.ModelForm):
    shared_key = volume_field(
        gettext_lazy(
            "What shares a volume has the same name here, with a limit of its own each: the size of the volume. "
            "Their sizes are added up."
        )
    )

    class Meta:
        model = CapacityLimit
        fields = ["instance", "database_name", "shared_key", "note"]

    shown = ["instance", "database_name", ("amount", "unit"), "shared_key", "note"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and "amount" in self.fields:
            self.initial.update(in_units(self.instance.limit_bytes))

    def clean_database_name(self) -> str:
        return normal_name(self.cleaned_data["database_name"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if "instance" in cleaned and "database_name" in cleaned:
            try:
                check_target(cleaned["instance"], cleaned["database_name"], other_than=self.instance.pk)
            except InputError as error:
                self.add_error(NON_FIELD_ERRORS if isinstance(error, LimitExists) else "database_name", error)
        if "amount" in cleaned and "unit" in cleaned:
            self.instance.limit_bytes = self.size_bytes
        return cleaned


@admin.register(CapacityLimit)
class CapacityLimitAdmin(ModelAdmin):
    form = LimitForm
    fields = LimitForm.shown
    autocomplete_fields = ["instance"]
    list_display = ["target", "server", LIMIT, "usage", "origin", "shared_key", "note"]
    list_filter = [
        ("source", ChoicesDropdownFilter),
        TagFilter,
        ("instance", AutocompleteSelectFilter),
    ]
    list_filter_submit = True
    list_per_page = 50
    list_select_related = ["instance", "updated_by"]
    search_fields = ["database_name", "instance__name", "shared_key", "note"]
    ordering = ["instance__name", "database_name", "source"]
    none_yet = gettext_lazy("No limit yet: without one nothing can be told to be full.")

    def complete(self, rows: list[Any]) -> None:
        """With how much of each is used."""
        super().complete(rows)
        targets = [(row.instance_id, row.database_name) for row in rows]
        used = usage_of(targets)
        for row, target in zip(rows, targets, strict=True):
            row.usage_found = used.get(target)

    def get_fields(self, request: HttpRequest, obj: CapacityLimit | None = None) -> Any:
        editable = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        # A form of what may only be looked at has no fields of its own.
        return self.fields if editable else SHOWN

    def get_readonly_fields(self, request: HttpRequest, obj: CapacityLimit | None = None) -> Any:
        fields = self.get_fields(request, obj)
        return () if fields is self.fields else fields

    def has_change_permission(self, request: HttpRequest, obj: CapacityLimit | None = None) -> bool:
        return super().has_change_permission(request, obj) and _is_entered(obj)

    def has_delete_permission(self, request: HttpRequest, obj: CapacityLimit | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _is_entered(obj)

    def save_model(self, request: HttpRequest, obj: CapacityLimit, form: Any, change: bool) -> None:
        obj.updated_by = request.user  # type: ignore[assignment]  # nobody else gets here
        super().save_model(request, obj, form, change)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Of several, those that were measured stay."""
        kept = [str(one) for one in objs if not _is_entered(one)]
        return ([], {}, set(), kept) if kept else super().get_deleted_objects(objs, request)

    @admin.display(description=gettext_lazy("limit of"), ordering="database_name")
    def target(self, row: CapacityLimit) -> str:
        return row.database_name or _("Whole instance")

    @admin.display(description=gettext_lazy("instance"), ordering="instance__name")
    def server(self, row: CapacityLimit) -> SafeString:
        return instance_link(row.instance)

    @admin.display(description=gettext_lazy("used"))
    def usage(self, row: Any) -> str:
        """Of the limit that counts; of the others which one does."""
        if row.usage_found is None:
            return unknown(_("No sample yet."))
        if row.usage_found.limit.pk != row.pk:
            return _("does not count beside: %(source)s") % {"source": row.usage_found.limit.get_source_display()}
        return row.usage_found.sentence()

    @display(description=gettext_lazy("source"), ordering="source", label={LimitSource.MANUAL: "info"})
    def origin(self, row: CapacityLimit) -> tuple[str, str]:
        return row.source, row.get_source_display()


def _is_entered(limit: CapacityLimit | None) -> bool:
    return limit is None or limit.source == LimitSource.MANUAL
