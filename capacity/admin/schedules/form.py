"""The form of a schedule: what and when, without JSON or crontab. It works without JavaScript too."""

from datetime import time
from typing import Any

from django import forms
from django.conf import settings
from django.utils.dates import WEEKDAYS as DAY_NAMES
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from unfold.widgets import (
    INPUT_CLASSES,
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from capacity.collection.validation import clean_text
from capacity.models import Schedule
from capacity.periods import PERIOD_CONFIG
from capacity.schedules import default_schedules
from capacity.scheduling.job import Job, What
from capacity.scheduling.reading import read
from capacity.scheduling.times import LAST_DAY, WEEKDAYS, Frequency, When
from sync_sessions.choices import Scope

#: The fields that count only for one choice of another field: the browser hides the others, `clean` ignores them.
USED_BY: dict[str, tuple[str, tuple[str, ...]]] = {
    "periods": ("job", (Job.AGGREGATE.value,)),
    "scope": ("job", (Job.AGGREGATE.value,)),
    "weekdays": ("frequency", (Frequency.WEEKLY.value,)),
    "month": ("frequency", (Frequency.QUARTERLY.value,)),
    "day": ("frequency", (Frequency.MONTHLY.value, Frequency.QUARTERLY.value)),
}
PREVIEW = "_preview"  #: the button that shows the next runs and saves nothing
DAY_REFUSED = gettext_lazy("Give a day from 1 to 28: every month has those.")


def _jobs(*jobs: Job) -> list[tuple[str, Any]]:
    return [(job.value, job.label) for job in jobs]


class ScheduleForm(forms.ModelForm):
    job = forms.ChoiceField(
        label=gettext_lazy("What"),
        choices=_jobs(Job.COLLECT, Job.AGGREGATE),
        widget=UnfoldAdminRadioSelectWidget,
        error_messages={"required": gettext_lazy("Choose what it does.")},
    )
    periods = forms.MultipleChoiceField(
        label=gettext_lazy("Periods"),
        choices=lambda: [(config.key, config.label) for config in PERIOD_CONFIG],
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=gettext_lazy("Complete ones are computed: yesterday, the last week, month, quarter."),
    )
    scope = forms.ChoiceField(
        label=gettext_lazy("Scope"),
        choices=Scope.choices,
        initial=Scope.ALL,
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy(
            "With both levels it computes every complete period that new samples have outdated. One level alone "
            "computes the last complete period, and the period stays marked as outdated."
        ),
    )
    frequency = forms.ChoiceField(
        label=gettext_lazy("When"),
        choices=Frequency.choices,
        initial=Frequency.DAILY,
        widget=UnfoldAdminRadioSelectWidget,
        error_messages={"required": gettext_lazy("Choose when it runs.")},
    )
    weekdays = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Days of the week"),
        choices=[(day, DAY_NAMES[day - 1]) for day in WEEKDAYS],
        coerce=int,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    month = forms.TypedChoiceField(
        label=gettext_lazy("Month of the quarter"),
        choices=[
            (1, gettext_lazy("First (January, April, July, October)")),
            (2, gettext_lazy("Second (February, May, August, November)")),
            (3, gettext_lazy("Third (March, June, September, December)")),
        ],
        coerce=int,
        empty_value=None,
        initial=1,
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    day = forms.IntegerField(
        label=gettext_lazy("Day of the month"),
        min_value=1,
        max_value=LAST_DAY,
        initial=1,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget(attrs={"min": 1, "max": LAST_DAY}),
        help_text=gettext_lazy("1 to 28."),
        error_messages={"invalid": DAY_REFUSED, "min_value": DAY_REFUSED, "max_value": DAY_REFUSED},
    )
    at = forms.TimeField(
        label=pgettext_lazy("of the day", "Time"),
        initial=time(4, 0),
        input_formats=["%H:%M"],
        widget=forms.TimeInput(format="%H:%M", attrs={"type": "time", "class": " ".join(INPUT_CLASSES)}),
        help_text=format_lazy(gettext_lazy("Hours and minutes in {zone}."), zone=settings.TIME_ZONE),
        error_messages={
            "required": gettext_lazy("Give a time such as 04:20."),
            "invalid": gettext_lazy("Give a time such as 04:20."),
        },
    )

    class Meta:
        model = Schedule
        fields = ["name", "enabled", "description"]
        labels = {"enabled": gettext_lazy("On"), "description": gettext_lazy("Description")}
        help_texts = {
            "name": gettext_lazy("What the list calls it."),
            "enabled": gettext_lazy("Off: it stays here and does not run."),
            "description": "",
        }
        error_messages = {"name": {"unique": gettext_lazy("Another schedule has this name: choose a new one.")}}
        widgets = {
            "name": UnfoldAdminTextInputWidget,
            "enabled": UnfoldBooleanSwitchWidget,
            "description": UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self._load()

    def _load(self) -> None:
        """Fills in what the row says, and fixes what `install_schedules` knows it by."""
        what, when = self.stored()
        self.initial.update(job=what.job, periods=what.periods, scope=what.scope)
        self.initial.update(frequency=when.frequency, weekdays=when.weekdays)
        self.initial.update(month=when.month, day=when.day, at=when.at)
        if not what.can_run_now:
            self.fields["job"].choices = _jobs(Job(what.job))  # type: ignore[attr-defined]
        if self.instance.name in {default.name for default in default_schedules()}:
            for name in ("name", "job"):
                self.fields[name].disabled = True
            self.fields["name"].help_text = _("A default schedule keeps its name and what it does: switch it off.")

    def stored(self) -> tuple[What, When]:
        """The fields of a row that the form can show; it is asked for no other."""
        reading = read(self.instance)
        assert reading.what and reading.when, reading.problem
        return reading.what, reading.when

    def clean_name(self) -> str:
        return clean_text(self.cleaned_data["name"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for name, (chooser, choices) in USED_BY.items():
            if cleaned.get(chooser) not in choices:
                # Nobody sees it: what is wrong with it does not matter.
                self.errors.pop(name, None)
                cleaned.pop(name, None)
        required = {
            "periods": _("Choose at least one period."),
            "weekdays": _("Choose at least one day of the week."),
            "day": str(DAY_REFUSED),
        }
        for name, sentence in required.items():
            if name in cleaned and not cleaned[name]:
                self.add_error(name, sentence)
        return cleaned

    def is_valid(self) -> bool:
        # A preview is shown again as one that has errors would be, and saves nothing.
        return super().is_valid() and PREVIEW not in self.data

    def plan(self) -> tuple[What, When] | None:
        """What is typed, or stored when nothing is; None while it has errors or is empty."""
        if not self.is_bound:
            return self.stored() if self.instance.pk else None
        if self.errors:
            return None
        given = self.cleaned_data
        used = {name: given[name] for name in ("day", "month") if given.get(name)}
        periods = tuple(config.key for config in PERIOD_CONFIG if config.key in given.get("periods", ()))
        what = What(given["job"], periods, given.get("scope") or Scope.ALL.value)
        return what, When(given["frequency"], given["at"], tuple(sorted(given.get("weekdays", ()))), **used)
