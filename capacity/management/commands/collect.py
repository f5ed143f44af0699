import json
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from capacity.collection.outcomes import CollectionResult, Outcome
from capacity.collection.service import CollectionService
from capacity.inventory.selection import Selection, UnknownInstance, UnknownTag
from capacity.management.arguments import add_selection, selection_of
from capacity.management.output import progress_bar, show_table, warnings_alone
from capacity.models import Instance
from capacity.runs.kinds import COLLECTION
from capacity.runs.spec import RunSpec
from capacity.runs.start import start
from capacity.units import format_bytes
from sync_sessions.choices import RecordStatus, SessionStatus
from sync_sessions.errors import SessionAlreadyRunning


class Command(BaseCommand):
    help = (
        "Measures the databases of live servers and stores their sizes: all active instances that have a host, "
        "or those named, or those with a tag."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_selection(parser)
        parser.add_argument(
            "--dry-run", action="store_true", help="only measure: nothing is stored, and no session is opened"
        )
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        selection = selection_of(options)
        drawn = self.stdout.isatty() and not options["json"]
        spec = RunSpec(COLLECTION, selection)
        total = selection.queryset(Instance.objects.collectable()).count()
        bar = progress_bar(self.stdout, hidden=options["json"])
        with bar:
            task = bar.add_task(_("Collecting"), total=total)

            def show(outcome: Outcome) -> None:
                bar.advance(task)
                if not drawn and not options["json"]:
                    cells = [*_cells(outcome), *_reasons(outcome)]
                    self.stdout.write("  ".join(cell for cell in cells if cell))

            with warnings_alone():
                if options["dry_run"]:
                    tried = self._try_out(selection, show)
                else:
                    result = self._collect(spec, show)
        if options["dry_run"]:
            self._end_trial(tried, options["json"], drawn)
            return
        if options["json"]:
            self.stdout.write(json.dumps(result.as_dict(), ensure_ascii=False, default=str))
        elif drawn and result.outcomes:
            self._show(sorted(result.outcomes, key=lambda outcome: outcome.instance_name))
        if result.status != SessionStatus.COMPLETED:
            raise CommandError(result.message)
        if not options["json"]:
            self.stdout.write(result.message)

    def _try_out(self, selection: Selection, show: Callable[[Outcome], None]) -> list[Outcome]:
        outcomes = []
        try:
            for outcome in CollectionService().try_out(selection):
                outcomes.append(outcome)
                show(outcome)
        except (UnknownInstance, UnknownTag) as error:
            raise CommandError(str(error)) from None
        return outcomes

    def _end_trial(self, outcomes: list[Outcome], as_json: bool, drawn: bool) -> None:
        good = sum(one.status == RecordStatus.COMPLETED for one in outcomes)
        failed = sum(one.status == RecordStatus.FAILED for one in outcomes)
        message = _("Measured: %(good)d of %(total)d. Failed: %(failed)d. Nothing was stored.")
        message %= {"good": good, "total": len(outcomes), "failed": failed}
        if as_json:
            result = {"dry_run": True, "message": message, "instances": [asdict(one) for one in outcomes]}
            self.stdout.write(json.dumps(result, ensure_ascii=False, default=str))
        elif drawn and outcomes:
            self._show(sorted(outcomes, key=lambda outcome: outcome.instance_name))
        if failed:
            raise CommandError(message)
        if not as_json:
            self.stdout.write(message)

    def _show(self, outcomes: list[Outcome]) -> None:
        columns = [_("Instance"), _("Engine"), ">" + _("Databases"), ">" + _("Size"), _("Status")]
        show_table(self.stdout, _("Collection"), columns, [_cells(outcome) for outcome in outcomes])
        # Below the table: whole sentences fit in no column.
        for outcome in outcomes:
            for reason in _reasons(outcome):
                self.stdout.write(f"{outcome.instance_name}: {reason}")

    def _collect(self, spec: RunSpec, show: Any) -> CollectionResult:
        try:
            result: CollectionResult = start(spec, queue=False, on_outcome=show).outcome
        except (UnknownInstance, UnknownTag, SessionAlreadyRunning) as error:
            raise CommandError(str(error)) from None
        return result


def _cells(outcome: Outcome) -> list[str]:
    sized = outcome.status == RecordStatus.COMPLETED
    return [
        outcome.instance_name,
        outcome.engine,
        str(outcome.databases) if sized else "",
        format_bytes(outcome.total_size_bytes) if sized else "",
        outcome.status,
    ]


def _reasons(outcome: Outcome) -> list[str]:
    names = ", ".join(unsized.database for unsized in outcome.not_sized)
    not_sized = [_("not sized: %(names)s") % {"names": names}] if names else []
    return [outcome.reason] * bool(outcome.reason) + not_sized + list(outcome.notes)
