import json
import time
from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _
from rich.progress import Progress

from capacity.aggregation.arguments import parse_scope
from capacity.aggregation.batch import run_entry
from capacity.aggregation.due import Which, plan_periods, plan_range, stale_instances, stale_periods
from capacity.aggregation.progress import ProgressCallbacks
from capacity.errors import CapacityError
from capacity.management.output import progress_bar
from capacity.management.run_report import BAD, line, show_largest, show_runs, totals
from capacity.models import Instance
from capacity.periods import Period, parse_periods, today
from capacity.runs.faults import describe
from capacity.runs.start import check_enabled
from sync_sessions.choices import Scope, SyncType

MANY = 20  #: runs; beyond it only those that went wrong are shown one by one
BUSY_WAIT_SECONDS = 60  #: how long a back-fill waits for a run of somebody else to end


def day(text: str) -> date:
    return date.fromisoformat(text)


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
        parser.add_argument("--instance", **several, metavar="NAME", help="only these instances")
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
            scope = parse_scope(options["scope"])
            periods = self._periods(options)
        except CapacityError as error:
            raise CommandError(str(error)) from None
        named = self._instances(options["instance"])
        if not periods and not options["json"]:
            self.stdout.write(_("No complete period is stale: nothing to do."))
        entries: list[dict[str, Any]] = []
        plain = not options["json"] and not self.stdout.isatty()
        wait = BUSY_WAIT_SECONDS if len(periods) > MANY else 0
        bar = progress_bar(self.stdout, hidden=options["json"])
        with bar:
            for period in periods:
                instances = named
                if options["stale"]:
                    marked = stale_instances(period)
                    instances = marked if named is None else [one for one in marked if one in named]
                    if not instances:
                        continue
                entry = self._run(period, scope, instances, bar, wait)
                entries.append(entry)
                if plain and (len(periods) <= MANY or entry["status"] in BAD):
                    self.stdout.write(line(entry))
                if entry["status"] == "failed" and "session" not in entry:
                    break  # the run itself failed: the next one would meet the same
        if options["json"]:
            self.stdout.write(json.dumps({"runs": entries}, ensure_ascii=False, default=str))
        elif self.stdout.isatty() and entries:
            show_runs(
                self.stdout, entries if len(entries) <= MANY else [one for one in entries if one["status"] in BAD]
            )
        if not options["json"] and len(entries) > MANY:
            for text in totals(entries):
                self.stdout.write(text)
        if options["rows"] and not options["json"]:
            for period in periods:
                show_largest(self.stdout, period, options["rows"])
        errors = [error for entry in entries for error in entry["errors"]]
        if self.stdout.isatty():  # elsewhere its line has the message
            errors += [entry["message"] for entry in entries if entry["status"] in BAD and not entry["errors"]]
        for text in errors[:20]:
            self.stderr.write(text)
        if len(errors) > 20:
            self.stderr.write(_("and %(count)d more: see the session's records.") % {"count": len(errors) - 20})
        bad = [entry for entry in entries if entry["status"] in BAD]
        if bad:
            raise CommandError(
                _("%(bad)d of %(count)d runs did not complete.") % {"bad": len(bad), "count": len(entries)}
            )

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

    def _instances(self, names: list[str] | None) -> list[Instance] | None:
        if not names:
            return None
        found = list(Instance.objects.filter(name__in=names).order_by("pk"))
        unknown = sorted(set(names) - {one.name for one in found})
        if unknown:
            raise CommandError(_("There is no instance named %(names)s.") % {"names": ", ".join(unknown)})
        return found

    def _run(
        self, period: Period, scope: str, instances: list[Instance] | None, bar: Progress, wait: float
    ) -> dict[str, Any]:
        total = Instance.objects.active().count() if instances is None else len(instances)
        task = bar.add_task(f"{period.type} {period.start}", total=total)

        def advance(results: Any) -> None:
            bar.advance(task, len(results))

        begun = time.monotonic()
        entry: dict[str, Any] = {
            "period_type": period.type,
            "period_start": period.start.isoformat(),
            "period_end": period.end.isoformat(),
            "errors": [],
        }
        listeners = ProgressCallbacks(on_complete=advance, on_error=advance)
        kind = SyncType.by_hand(instances)
        try:
            entry |= run_entry(period, scope, wait=wait, instances=instances, sync_type=kind, listeners=listeners)
        except Exception as error:
            # On its session already; here it becomes a sentence and the exit code.
            entry |= {"status": "failed", "message": describe(error)}
        bar.remove_task(task)
        return entry | {"seconds": round(time.monotonic() - begun, 2)}
