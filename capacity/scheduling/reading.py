"""A row of django-celery-beat as people read it."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext as _
from django_celery_beat.models import PeriodicTask

from capacity.errors import InputError
from capacity.periods import Crontab

from .job import What
from .times import When


@dataclass(frozen=True)
class Reading:
    what: What | None  #: None: another task, or arguments that make no sense
    when: When | None  #: None: no crontab, or one that the form has no words for
    crontab: Crontab | None
    zone: ZoneInfo | None  #: of the crontab
    problem: str = ""  #: why the form cannot show all of it, in sentences
    bounded: bool = False  #: beat runs it not at all of its times: it has a first, a last or an only one

    @property
    def is_plain(self) -> bool:
        """Whether the form says all there is to say, so that saving it loses nothing."""
        return not self.problem


def read(task: PeriodicTask) -> Reading:
    """What a row does and when. Never raises: what is wrong with it is its `problem`.

    Reads its crontab, so select that with it.
    """
    what, problems = None, []
    try:
        what = What.of(task.task, task.args, task.kwargs)
        if what is None:
            problems.append(_("It is no task that this form knows."))
    except InputError as error:
        problems.append(str(error))
    crontab = when = zone = None
    if task.crontab is None:
        problems.append(_("It has no times of the calendar."))
    else:
        fields = {name: getattr(task.crontab, name) for name in Crontab._fields}
        crontab, zone = Crontab(**fields), ZoneInfo(str(task.crontab.timezone))
        when = When.of(crontab)
        if when is None:
            problems.append(_("Its times are none that the form can set."))
        if str(zone) != settings.TIME_ZONE:
            problems.append(
                _("Its times are in %(other)s, not in the time zone of WhaleFall, %(zone)s.")
                % {"other": zone, "zone": settings.TIME_ZONE}
            )
    bounded = bool(task.one_off or task.start_time or task.expires)
    if bounded:
        problems.append(_("It has a first or a last time, or runs only once."))
    return Reading(what, when, crontab, zone, " ".join(problems), bounded)
