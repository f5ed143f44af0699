import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from capacity.collection.tables_due import spec_of_due
from capacity.collection.tables_run import TablesResult
from capacity.inventory.selection import UnknownInstance, UnknownTag
from capacity.management.arguments import add_selection, selection_of
from capacity.management.output import progress_bar, warnings_alone
from capacity.runs.kinds import TABLES
from capacity.runs.spec import RunSpec
from capacity.runs.start import start
from sync_sessions.choices import SessionStatus
from sync_sessions.errors import SessionAlreadyRunning


class Command(BaseCommand):
    help = (
        "Measures the largest tables of the databases that jumped, dropped or appeared since theirs were measured: "
        "at most 100 databases, one after another, 10 s each."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_selection(parser)
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        selection = selection_of(options)
        spec = spec_of_due() if selection.is_fleet else RunSpec(TABLES, selection)
        with progress_bar(self.stdout, hidden=options["json"]) as bar, warnings_alone():
            task = bar.add_task(_("Measuring tables"), total=spec.selection.queryset().count())
            try:
                result: TablesResult = start(spec, queue=False, on_instance=lambda: bar.advance(task)).outcome
            except (UnknownInstance, UnknownTag, SessionAlreadyRunning) as error:
                raise CommandError(str(error)) from None
        if options["json"]:
            self.stdout.write(json.dumps(result.as_dict(), ensure_ascii=False, default=str))
        text = "\n".join([result.message, *result.errors])
        if result.status != SessionStatus.COMPLETED:
            raise CommandError(text)
        if not options["json"]:
            self.stdout.write(text)
