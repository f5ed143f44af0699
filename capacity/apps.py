from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.utils.translation import gettext_lazy as _


class CapacityConfig(AppConfig):
    name = "capacity"
    verbose_name = _("Capacity")

    def ready(self) -> None:
        from .aggregation.dialect import register_sqlite_functions

        connection_created.connect(register_sqlite_functions, dispatch_uid="capacity.sqlite_functions")
