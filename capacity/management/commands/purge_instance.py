import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error
from django.utils.translation import gettext as _

from capacity.errors import CapacityError
from capacity.inventory.deletion import history_of, purge_instance
from capacity.inventory.selection import Selection
from capacity.management.asking import answer_to
from capacity.management.output import progress_bar
from capacity.models import Instance
from capacity.runs.faults import describe


class Command(BaseCommand):
    help = (
        "Deletes an inactive instance with all its samples, day totals and period rows, in batches; the run log "
        "keeps its records. Interrupted, it is run again and goes on."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", metavar="NAME")
        parser.add_argument("--yes", action="store_true", help="do not ask; needed where there is no terminal to ask")
        parser.add_argument("--json", action="store_true", help="print what was deleted as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            [instance] = Selection(names=(options["name"],)).instances()
        except CapacityError as error:
            raise CommandError(str(error)) from None
        history = history_of(instance)
        if not instance.is_active and not options["yes"]:
            self._ask(instance, history)
        bar = progress_bar(self.stdout, hidden=options["json"])
        try:
            with bar:
                task = bar.add_task(_("Deleting"), total=sum(history.values()))
                deleted = purge_instance(instance, lambda count: bar.advance(task, count))
        except CapacityError as error:
            raise CommandError(str(error)) from None
        except Error as error:
            reason = _("Not all of it is deleted: %(reason)s Run this again, it goes on.")
            raise CommandError(reason % {"reason": describe(error)}) from None
        if options["json"]:
            self.stdout.write(json.dumps({"instance": instance.name, **deleted}, ensure_ascii=False))
            return
        self.stdout.write(
            _(
                "%(name)s is deleted, with %(samples)d samples, %(days)d day totals, %(database_rows)d and "
                "%(instance_rows)d period rows of databases and of the instance, %(marks)d stale periods. Records "
                "kept in the run log: %(records_kept)d."
            )
            % {"name": instance.name, **deleted}
        )

    def _ask(self, instance: Instance, history: dict[str, int]) -> None:
        rows = history["database_rows"] + history["instance_rows"]
        question = _("Delete %(name)s with its %(samples)d samples and %(rows)d period rows? Type its name again:")
        answer = answer_to(self, question % {"name": instance.name, "samples": history["samples"], "rows": rows})
        if answer is None:
            raise CommandError(_("There is no terminal to ask at, so nothing is deleted: say --yes to delete it."))
        if answer != instance.name.strip():
            raise CommandError(_("That is not its name: nothing is deleted."))
