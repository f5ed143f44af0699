from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from capacity.schedules import install_schedules


class Command(BaseCommand):
    help = "Creates the default schedules that are missing, by name; what exists stays as it is."

    def handle(self, *args: Any, **options: Any) -> None:
        made = install_schedules()
        for name in made:
            self.stdout.write(_("Schedule made: %(name)s") % {"name": name})
        if not made:
            self.stdout.write(_("All default schedules exist already."))
