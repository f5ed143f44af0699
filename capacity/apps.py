from typing import Any

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


def _install_schedules_once(**kwargs: Any) -> None:
    """After the first migrate. Later ones leave it to `install_schedules`, so that what staff delete stays away."""
    from django.db import connection
    from django_celery_beat.models import PeriodicTask

    from .schedules import PREFIX, install_schedules

    if PeriodicTask._meta.db_table not in connection.introspection.table_names():
        return  # `migrate capacity 0001` alone, before the tables of the schedules are there
    if not PeriodicTask.objects.filter(name__startswith=PREFIX).exists():
        install_schedules()


class CapacityConfig(AppConfig):
    name = "capacity"
    verbose_name = _("Capacity")

    def ready(self) -> None:
        from .aggregation import orchestrator
        from .collection import service as collection
        from .collection import tables_run
        from .dialect import register_sqlite_functions
        from .insight import service as insight
        from .runs import start, wording

        post_migrate.connect(_install_schedules_once, sender=self, dispatch_uid="capacity.schedules")
        start.register(wording.AGGREGATION, orchestrator.RUNNER)
        start.register(wording.COLLECTION, collection.RUNNER)
        start.register(wording.INSIGHT, insight.RUNNER)
        start.register(wording.TABLES, tables_run.RUNNER)
        connection_created.connect(register_sqlite_functions, dispatch_uid="capacity.sqlite_functions")
