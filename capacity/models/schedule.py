from typing import Any

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import PeriodicTask


class Schedule(PeriodicTask):
    """A row of django-celery-beat behind the admin's form for people; its permissions are those of that row."""

    class Meta:
        proxy = True
        verbose_name = _("schedule")
        verbose_name_plural = _("schedules")
        default_permissions = ()
        ordering = ["name"]

    def __str__(self) -> str:
        """In the reader's language, if it is one that comes with the product."""
        return gettext(self.name)

    def validate_unique(self, exclude: Any = None) -> None:
        # Not that of PeriodicTask, which wants times on a row before the form has put them there.
        models.Model.validate_unique(self, exclude=exclude)
