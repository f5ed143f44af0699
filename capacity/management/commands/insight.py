import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from capacity.insight.service import InsightResult, spec_of_due
from capacity.inventory.selection import UnknownInstance, UnknownTag
from capacity.management.arguments import add_selection, selection_of
from capacity.management.output import progress_bar
from capacity.runs import wording
from capacity.runs.kinds import INSIGHT
from capacity.runs.spec import RunSpec
from capacity.runs.start import start
from sync_sessions.choices import SessionStatus
from sync_sessions.errors import SessionAlreadyRunning


class Command(BaseCommand):
    help = (
        "Makes the forecasts and finds the events of the instances whose day rows or limits changed since their last "
        "forecast, or, whatever changed, of those named or with a tag."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_selection(parser)
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        selection = selection_of(options)
        spec = spec_of_due() if selection.is_fleet else RunSpec(INSIGHT, selection)
        if spec.selection.count == 0:
            self._say(options, {"status": "skipped", "message": str(wording.INSIGHT.nothing)})
            return
        result = self._run(spec, options)
        self._say(options, result.as_dict())
        if result.status != SessionStatus.COMPLETED:
            raise CommandError("\n".join([result.message, *result.errors]))

    def _run(self, spec: RunSpec, options: dict[str, Any]) -> InsightResult:
        with progress_bar(self.stdout, hidden=options["json"]) as bar:
            chosen = spec.selection.count
            total = spec.selection.queryset().count() if chosen is None else chosen
            task = bar.add_task(_("Making forecasts"), total=total)
            try:
                result: InsightResult = start(
                    spec, queue=False, on_chunk=lambda count: bar.advance(task, count)
                ).outcome
            except (UnknownInstance, UnknownTag, SessionAlreadyRunning) as error:
                raise CommandError(str(error)) from None
        return result

    def _say(self, options: dict[str, Any], result: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(result, ensure_ascii=False, default=str))
        elif result["status"] in (SessionStatus.COMPLETED, "skipped"):
            self.stdout.write(result["message"])
