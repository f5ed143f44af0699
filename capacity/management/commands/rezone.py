import json
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import Error
from django.utils.translation import gettext as _

from capacity.errors import CapacityError
from capacity.management.asking import answer_to
from capacity.models import CapacityState
from capacity.runs.faults import describe
from capacity.upkeep.rezone import Rezoned, rezone


class Command(BaseCommand):
    help = (
        "After WHALEFALL_TIME_ZONE was changed on purpose: gives all samples their days in the new zone, derives the "
        "day totals anew, marks all periods as stale and moves the schedules. All of it or nothing. Stop the web "
        "server, workers and beat first, and start them in the new zone."
    )
    # The check that another zone is an error would keep this from making it good.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--yes", action="store_true", help="do not ask, which a terminal is else asked")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._ask(options["yes"])
            result = rezone()
        except CapacityError as error:
            raise CommandError(str(error)) from None
        except Error as error:
            raise CommandError(_("Nothing is changed: %(reason)s") % {"reason": describe(error)}) from None
        if options["json"]:
            self.stdout.write(json.dumps(result.as_dict()))
        else:
            self._show(result)

    def _ask(self, yes: bool) -> None:
        old = CapacityState.objects.values_list("time_zone", flat=True).first()
        if yes or old in (None, settings.TIME_ZONE):
            return
        question = _("Move all samples from the days of %(old)s to those of %(new)s? Type yes:")
        answer = answer_to(self, question % {"old": old, "new": settings.TIME_ZONE})
        if answer not in (None, "yes"):
            raise CommandError(_("Nothing is changed."))

    def _show(self, result: Rezoned) -> None:
        facts = result.as_dict()
        if result.old is None:
            self.stdout.write(_("There are no samples yet: their days will be those of %(new)s.") % facts)
        elif result.old == result.new:
            self.stdout.write(_("The days of the samples are those of %(new)s already.") % facts)
        else:
            self.stdout.write(
                _(
                    "Time zone changed from %(old)s to %(new)s. Samples with another day: %(samples)d. Day totals "
                    "derived: %(days)d. Period rows deleted, as their period has no sample left: %(deleted_rows)d. "
                    "Stale periods: %(stale_periods)d."
                )
                % facts
            )
        if result.crontabs:
            self.stdout.write(_("Crontabs moved to %(new)s: %(crontabs)d.") % facts)
        if result.old not in (None, result.new):
            self.stdout.write(_("Next, run `manage.py aggregate --stale`: until then period rows are the old ones."))
