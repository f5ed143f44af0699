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
    UnfoldAdminSelect2MultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from capacity.admin.previewed import PreviewedForm
from capacity.collection.validation import clean_text
from capacity.inventory.selection import Selection
from capacity.models import Schedule, Tag
from capacity.periods import PERIOD_CONFIG
from capacity.schedules import default_schedules
from capacity.scheduling.job import Job, What
from capacity.scheduling.reading import read
from capacity.scheduling.times import HOURS, LAST_DAY, WEEKDAYS, Frequency, When
from sync_sessions.choices import Scope

RUNS = [job for job in Job if What(job.value).can_run_now]
#: The fields that count only for one choice of another field: the browser hides the others, `clean` ignores them.
USED_BY: dict[str, tuple[str, tuple[str, ...]]] = {
    "tags": ("job", tuple(job.value for job in RUNS)),
    "periods": ("job", (Job.AGGREGATE.value,)),
    "scope": ("job", (Job.AGGREGATE.value,)),
    "every": ("frequency", (Frequency.HOURLY.value,)),
    "minute": ("frequency", (Frequency.HOURLY.value,)),
    "at": ("frequency", tuple(one.value for one in Frequency if one != Frequency.HOURLY)),
    "weekdays": ("frequency", (Frequency.WEEKLY.value,)),
    "month": ("frequency", (Frequency.QUARTERLY.value,)),
    "day": ("frequency", (Frequency.MONTHLY.value, Frequency.QUARTERLY.value)),
}
DAY_REFUSED = gettext_lazy("Give a day from 1 to 28: every month has those.")
MINUTE_REFUSED = gettext_lazy("Give a minute from 0 to 59.")


def _jobs(*jobs: Job) -> list[tuple[str, Any]]:
    return [(job.value, job.label) for job in jobs]


def shown_description(schedule: Schedule) -> str:
    """In the reader's language, if it is as it came."""
    return _(schedule.description) if schedule.description else ""


class ScheduleForm(PreviewedForm):
    job = forms.ChoiceField(
        label=gettext_lazy("What"),
        choices=_jobs(*RUNS),
        widget=UnfoldAdminRadioSelectWidget,
        error_messages={"required": gettext_lazy("Choose what it does.")},
    )
    tags = forms.MultipleChoiceField(
        label=gettext_lazy("Tags"),
        choices=lambda: [(name, name) for name in Tag.objects.order_by("name").values_list("name", flat=True)],
        required=False,
        widget=UnfoldAdminSelect2MultipleWidget,
        help_text=gettext_lazy("Only the instances with one of them; none: the whole fleet."),
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
    every = forms.TypedChoiceField(
        label=gettext_lazy("Hours between two runs"),
        choices=[(hours, hours) for hours in HOURS],
        coerce=int,
        empty_value=None,
        initial=1,
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy("Counted from midnight on: every 6 hours is at 0, 6, 12 and 18 o'clock."),
    )
    minute = forms.IntegerField(
        label=gettext_lazy("Minute of the hour"),
        min_value=0,
        max_value=59,
        initial=0,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget(attrs={"min": 0, "max": 59}),
        error_messages=dict.fromkeys(("invalid", "min_value", "max_value"), MINUTE_REFUSED),
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
            "enabled": gettext_lazy("Switched off, it stays in the list and does not run."),
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
        self.initial["description"] = shown_description(self.instance)
        self.initial.update(job=what.job, tags=what.tags, periods=what.periods, scope=what.scope)
        offered = self.fields["tags"].choices  # type: ignore[attr-defined]
        gone = [(name, name) for name in what.tags if (name, name) not in list(offered)]
        # Left out, they would make it a schedule of the whole fleet when it is saved.
        self.fields["tags"].choices = [*offered, *gone]  # type: ignore[attr-defined]
        self.initial.update(frequency=when.frequency, weekdays=when.weekdays)
        self.initial.update(month=when.month, day=when.day, at=when.at, every=when.every, minute=when.at.minute)
        if not what.can_run_now:
            self.fields["job"].choices = _jobs(Job(what.job))  # type: ignore[attr-defined]
        if self.instance.name in {default.name for default in default_schedules()}:
            for name in ("name", "job"):
                self.fields[name].disabled = True
            self.initial["name"] = str(self.instance)
            self.fields["name"].help_text = _(
                "It comes with WhaleFall and keeps its name and task; to be rid of it, switch it off."
            )

    def stored(self) -> tuple[What, When]:
        """The fields of a row that the form can show; it is asked for no other."""
        reading = read(self.instance)
        assert reading.what and reading.when, reading.problem
        return reading.what, reading.when

    def clean_name(self) -> str:
        return self.instance.name if self.fields["name"].disabled else clean_text(self.cleaned_data["name"])

    def clean_description(self) -> str:
        """As it is stored, when what is shown of it in the reader's language has not been changed."""
        typed = self.cleaned_data["description"]
        return self.instance.description if typed == self.initial.get("description") else typed

    def clean_tags(self) -> list[str]:
        """UnknownTag for one that has been deleted or renamed since it was chosen."""
        Selection.tagged(self.cleaned_data["tags"]).check_tags()
        return list(self.cleaned_data["tags"])

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
            "every": _("Choose the hours between two runs."),
            "minute": str(MINUTE_REFUSED),
        }
        for name, sentence in required.items():
            if name in cleaned and cleaned[name] in (None, "", []):
                self.add_error(name, sentence)
        return cleaned

    @property
    def changed_data(self) -> list[str]:
        """Without the fields that do not count for what is chosen."""
        unused = {name for name, (chooser, choices) in USED_BY.items() if self[chooser].value() not in choices}
        return [name for name in super().changed_data if name not in unused]

    def plan(self) -> tuple[What, When] | None:
        """What is typed, or stored when nothing is; None while it has errors or is empty."""
        if not self.is_bound:
            return self.stored() if self.instance.pk else None
        if self.errors:
            return None
        given = self.cleaned_data
        used = {name: given[name] for name in ("day", "month", "every") if given.get(name)}
        at = given["at"] if "at" in given else time(0, given["minute"])
        periods = tuple(config.key for config in PERIOD_CONFIG if config.key in given.get("periods", ()))
        tags = tuple(given.get("tags", ()))
        what = What(given["job"], periods, given.get("scope") or Scope.ALL.value, tags)
        return what, When(given["frequency"], at, tuple(sorted(given.get("weekdays", ()))), **used)
