"""Beat's scheduler: that of django-celery-beat, which says that it lives."""

from typing import Any

from django_celery_beat.schedulers import DatabaseScheduler

from sync_sessions.choices import Service

from .celery import sign_of_life


class Scheduler(DatabaseScheduler):
    def tick(self, *args: Any, **kwargs: Any) -> Any:
        sign_of_life(Service.BEAT)
        return super().tick(*args, **kwargs)
