import time
from argparse import ArgumentParser
from typing import Any
from uuid import uuid4

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _
from rich.progress import Progress

from capacity.aggregation.arguments import Which, parse_scope, plan_periods, plan_range
from capacity.aggregation.due import stale_instances, stale_periods
from capacity.aggregation.progress import ProgressCallbacks
from capacity.errors import CapacityError
from capacity.inventory.selection import Selection
from capacity.management.arguments import add_selection, day, selection_of
from capacity.management.output import progress_bar
from capacity.management.run_report import BAD, MANY, line, show, tell_errors
from capacity.periods import Period, parse_periods, today
from capacity.runs.faults import describe
from capacity.runs.spec import RunSpec
from capacity.runs.start import run_or_busy
from capacity.runs.switch import check_enabled
from sync_sessions.choices import Scope

BUSY_WAIT_SECONDS = 60  #: how long a back-fill waits for a run of somebody else to end


def count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError
    return number


class Command(BaseCommand):
    help = (
        "Aggregates periods: one session per period, one after another. Without options: the current day and the "
        "last complete week, month and quarter, of all active instances."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        several: dict[str, Any] = {"nargs": "+", "action": "extend"}
        parser.add_argument("--period", **several, metavar="TYPE", help="daily, weekly, monthly, quarterly (all)")
        parser.add_argument("--scope", default=Scope.ALL.value, help="database, instance or all")
        add_selection(parser)
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--current", action="store_true", help="the periods that contain today")
        which.add_argument("--last", action="store_true", help="the last complete periods")
        which.add_argument("--stale", action="store_true", help="the complete periods that new samples have outdated")
        which.add_argument("--from", dest="first", type=day, metavar="DAY", help="every period inside a range ...")
        parser.add_argument("--to", dest="last_day", type=day, metavar="DAY", help="... both days included")
        parser.add_argument(
            "--rows", type=count, default=0, metavar="N", help="show the N largest instances of each run"
        )
        parser.add_argument("--json", action="store_true", help="print the results as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            check_enabled()
            specs = self._specs(options)
        except CapacityError as error:
            raise CommandError(str(error)) from None
        if not specs and not options["json"]:
            self.stdout.write(_("No complete period is stale: nothing to do."))
        entries = self._run_all(specs, options)
        show(self.stdout, entries, as_json=options["json"], rows=options["rows"])
        tell_errors(self.stdout, self.stderr, entries)
        bad = sum(entry["status"] in BAD for entry in entries)
        if bad:
            raise CommandError(_("%(bad)d of %(count)d runs did not complete.") % {"bad": bad, "count": len(entries)})

    def _specs(self, options: dict[str, Any]) -> list[RunSpec]:
        """The runs that the options ask for."""
        scope, named = parse_scope(options["scope"]), selection_of(options)
        chosen = None if named.is_fleet else {one.id for one in named.refs()}
        specs, task_id = [], str(uuid4())  # by which the log knows them for one
        for period in self._periods(options):
            selection = named
            if options["stale"]:
                marked = [one for one in stale_instances(period) if chosen is None or one.id in chosen]
                if not marked:
                    continue
                selection = Selection.of(marked, named.tags or ())
            for_fleet = options["stale"] and chosen is None
            specs.append(RunSpec.of_period(period, scope, selection, task_id=task_id, for_fleet=for_fleet))
        return specs

    def _periods(self, options: dict[str, Any]) -> list[Period]:
        given = [one for text in options["period"] or () for one in text.split(",")]
        configs, now = parse_periods(given), today()
        first, last = options["first"], options["last_day"]
        if (first is None) != (last is None):
            raise CommandError(_("Give both ends of the range: --from DAY --to DAY."))
        if first is not None:
            found = plan_range(configs, first, last)
            if not found:
                raise CommandError(_("No period of these types lies wholly inside the range."))
            begun = [period for period in found if period.start <= now]
            if not begun:
                raise CommandError(_("The range is in the future: there is nothing to aggregate yet."))
            return begun
        if options["stale"]:
            return stale_periods(configs, now)
        which = Which.CURRENT if options["current"] else Which.LAST if options["last"] else Which.DEFAULT
        return plan_periods(configs, which, now)

    def _run_all(self, specs: list[RunSpec], options: dict[str, Any]) -> list[dict[str, Any]]:
        """An entry per run, told as it ends where there is no terminal to draw on."""
        entries: list[dict[str, Any]] = []
        plain = not options["json"] and not self.stdout.isatty()
        with progress_bar(self.stdout, hidden=options["json"]) as bar:
            for spec in specs:
                entry = self._run(spec, bar, wait=BUSY_WAIT_SECONDS if len(specs) > MANY else 0)
                entries.append(entry)
                if plain and (len(specs) <= MANY or entry["status"] in BAD):
                    self.stdout.write(line(entry))
                if entry["status"] == "failed" and "session" not in entry:
                    break  # the run itself failed: the next one would meet the same
        return entries

    def _run(self, spec: RunSpec, bar: Progress, wait: float) -> dict[str, Any]:
        assert spec.period
        total = spec.selection.queryset().count() if spec.selection.count is None else spec.selection.count
        task = bar.add_task(f"{spec.kind} {spec.period.start}", total=total)

        def advance(results: Any) -> None:
            bar.advance(task, len(results))

        begun = time.monotonic()
        try:
            listeners = ProgressCallbacks(on_complete=advance, on_error=advance)
            entry = run_or_busy(spec, wait=wait, listeners=listeners).as_dict()
        except Exception as error:
            # On its session already; here it becomes a sentence and the exit code.
            period = spec.period
            entry = {"period_type": period.type, "period_start": str(period.start), "period_end": str(period.end)}
            entry |= {"status": "failed", "message": describe(error), "errors": []}
        bar.remove_task(task)
        return entry | {"seconds": round(time.monotonic() - begun, 2)}
