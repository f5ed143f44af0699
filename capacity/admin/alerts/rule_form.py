"""The form of a rule: its numbers in the units of people, shown for the kinds that have them."""

from typing import Any

from django import forms
from django.utils.functional import lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
)

from capacity.admin.previewed import PreviewedForm
from capacity.alerts.rules import KINDS, Threshold
from capacity.models import AlertRule, DbType, RuleKind
from sync_sessions.common.words import listed, told

#: {name of a threshold: what the form calls it}; a kind has some of them.
NUMBERS = {
    "days": pgettext_lazy("how many", "Days"),
    "percent": gettext_lazy("Percent"),
    "bytes": gettext_lazy("Size (GiB)"),
    "times": gettext_lazy("Times running"),
}
#: {name: the kinds that have it}
USED_BY = {name: [str(kind) for kind, one in KINDS.items() if name in one.thresholds] for name in NUMBERS}


def _usual(name: str) -> str:
    """What a rule has that does not give this number, for each kind that knows it."""
    usual = listed(told(RuleKind(kind).label, KINDS[kind].thresholds[name].default) for kind in USED_BY[name])
    return _("Empty: the usual one (%(usual)s).") % {"usual": usual}


def _number(name: str) -> forms.IntegerField:
    return forms.IntegerField(
        label=NUMBERS[name],
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=lazy(_usual, str)(name),  # in the language of whoever reads the form
    )


class RuleForm(PreviewedForm):
    db_types = forms.MultipleChoiceField(
        label=gettext_lazy("Engines"),
        choices=DbType.choices,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=gettext_lazy("None: all of them."),
    )
    days, percent, bytes, times = (_number(name) for name in NUMBERS)

    class Meta:
        model = AlertRule
        fields = [
            "name",
            "kind",
            "level",
            "db_types",
            "instances",
            "tags",
            "database_pattern",
            "severity",
            "for_days",
            "channels",
            "enabled",
        ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["name"] = str(self.instance)
        for name, one in self._thresholds(self.instance.kind).items():
            if name in self.instance.threshold:
                self.initial[name] = self.instance.threshold[name] // one.factor

    def clean_name(self) -> str:
        """As it is stored, when what is shown of it in the reader's language has not been changed."""
        typed = self.cleaned_data["name"]
        return self.instance.name if typed == self.initial["name"] else typed

    @staticmethod
    def _thresholds(kind: str) -> dict[str, Threshold]:
        return dict(KINDS[kind].thresholds) if kind in KINDS else {}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        kind = cleaned.get("kind", "")
        if kind in KINDS and cleaned.get("level") not in KINDS[kind].levels:
            labels = dict(AlertRule._meta.get_field("level").choices or ())
            allowed = listed(labels[level] for level in KINDS[kind].levels)
            self.add_error("level", _("This kind of rule knows only: %(levels)s.") % {"levels": allowed})
        for name, one in self._thresholds(kind).items():
            number = cleaned.get(name)
            if number is None:
                continue
            if one.choices and number not in one.choices:
                text = _("Give one of: %(choices)s.") % {"choices": listed(one.choices)}
                self.add_error(name, text)
            elif not one.low <= number <= one.high:
                text = _("Give a number from %(low)d to %(high)d.") % {"low": one.low, "high": one.high}
                self.add_error(name, text)
        return cleaned

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        numbers = self._thresholds(self.cleaned_data.get("kind", ""))
        given = {name: self.cleaned_data.get(name) for name in numbers}
        self.instance.threshold = {
            name: number * numbers[name].factor for name, number in given.items() if number is not None
        }
