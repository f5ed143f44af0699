import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from capacity.insight.service import InsightResult, spec_of_due
from capacity.inventory.selection import Selection, UnknownInstance
from capacity.management.output import progress_bar
from capacity.runs.kinds import INSIGHT
from capacity.runs.spec import RunSpec
from capacity.runs.start import start
from sync_sessions.choices import SessionStatus
from sync_sessions.errors import SessionAlreadyRunning


class Command(BaseCommand):
    help = (
        "Makes the forecasts and finds the events of the instances whose day rows or limits changed since their last "
        "forecast, or of those named."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--instance", nargs="+", action="extend", metavar="NAME", help="these instances, anyway")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        names = options["instance"]
        spec = RunSpec(INSIGHT, Selection.named(names)) if names else spec_of_due()
        if not spec.selection.count:
            self._say(options, {"status": "skipped", "message": _("No day row changed since the last forecasts.")})
            return
        result = self._run(spec, options)
        self._say(options, result.as_dict())
        if result.status != SessionStatus.COMPLETED:
            raise CommandError("\n".join([result.message, *result.errors]))

    def _run(self, spec: RunSpec, options: dict[str, Any]) -> InsightResult:
        with progress_bar(self.stdout, hidden=options["json"]) as bar:
            task = bar.add_task(_("Making forecasts"), total=spec.selection.count)
            try:
                result: InsightResult = start(
                    spec, queue=False, on_chunk=lambda count: bar.advance(task, count)
                ).outcome
            except (UnknownInstance, SessionAlreadyRunning) as error:
                raise CommandError(str(error)) from None
        return result

    def _say(self, options: dict[str, Any], result: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(result, ensure_ascii=False, default=str))
        elif result["status"] in (SessionStatus.COMPLETED, "skipped"):
            self.stdout.write(result["message"])
