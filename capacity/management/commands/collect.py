import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from capacity.collection.outcomes import CollectionResult, Outcome
from capacity.collection.service import CollectionService
from capacity.management.output import progress_bar, show_table, warnings_alone
from capacity.models import Instance
from capacity.units import format_bytes
from sync_sessions.choices import RecordStatus, SessionStatus, SyncType
from sync_sessions.errors import SessionAlreadyRunning


class Command(BaseCommand):
    help = (
        "Measures the databases of live servers and stores their sizes: all active instances that have a host, "
        "or those named."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--instance", nargs="+", action="extend", metavar="NAME", help="only these instances")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        instances = self._instances(options["instance"])
        drawn = self.stdout.isatty() and not options["json"]
        total = Instance.objects.collectable().count() if instances is None else len(instances)
        bar = progress_bar(self.stdout, hidden=options["json"])
        with bar:
            task = bar.add_task(_("Collecting"), total=total)

            def show(outcome: Outcome) -> None:
                bar.advance(task)
                if not drawn and not options["json"]:
                    cells = [*_cells(outcome), *_reasons(outcome)]
                    self.stdout.write("  ".join(cell for cell in cells if cell))

            with warnings_alone():
                result = self._collect(instances, show)
        if options["json"]:
            self.stdout.write(json.dumps(result.as_dict(), ensure_ascii=False, default=str))
        elif drawn and result.outcomes:
            self._show(sorted(result.outcomes, key=lambda outcome: outcome.instance_name))
        if result.status != SessionStatus.COMPLETED:
            raise CommandError(result.message)
        if not options["json"]:
            self.stdout.write(result.message)

    def _show(self, outcomes: list[Outcome]) -> None:
        columns = [_("Instance"), _("Engine"), ">" + _("Databases"), ">" + _("Size"), _("Status")]
        show_table(self.stdout, _("Collection"), columns, [_cells(outcome) for outcome in outcomes])
        # Below the table: whole sentences fit in no column.
        for outcome in outcomes:
            for reason in _reasons(outcome):
                self.stdout.write(f"{outcome.instance_name}: {reason}")

    def _instances(self, names: list[str] | None) -> list[Instance] | None:
        if names is None:
            return None
        found = list(Instance.objects.filter(name__in=names))
        unknown = sorted(set(names) - {one.name for one in found})
        if unknown:
            raise CommandError(_("There is no instance named %(names)s.") % {"names": ", ".join(unknown)})
        return found

    def _collect(self, instances: list[Instance] | None, show: Any) -> CollectionResult:
        kind = SyncType.by_hand(instances)
        try:
            return CollectionService().collect(instances, sync_type=kind, on_outcome=show)
        except SessionAlreadyRunning as error:
            raise CommandError(str(error)) from None


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
