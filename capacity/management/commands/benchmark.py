import json
import os
import time
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error, connection
from django.utils.translation import gettext as _

from capacity.benchmark.families import FAMILIES
from capacity.benchmark.fleet import Fleet, fill, number
from capacity.benchmark.forecasts import Figure, family_row, measure_forecasts
from capacity.benchmark.measure import Measured
from capacity.benchmark.scenarios import SCENARIOS, Figures
from capacity.benchmark.scratch import scratch_database
from capacity.errors import CapacityError
from capacity.management.arguments import positive
from capacity.management.output import show_table

FORECAST = "forecast"


class Command(BaseCommand):
    help = (
        "Measures how fast roll-ups are, on a made-up fleet in a database of its own beside the configured one, which "
        "is not touched. The limit is the fastest SQL that writes the same rows; the rows are compared. "
        "--scenario forecast measures how good forecasts are, without a database; it is not among all."
    )

    requires_system_checks = ()  # they read the configured database

    def add_arguments(self, parser: ArgumentParser) -> None:
        add = parser.add_argument
        add("--instances", type=positive, default=1000, metavar="N", help="instances of the fleet (default: 1000)")
        add("--databases", type=positive, default=30, metavar="N", help="databases of each instance (default: 30)")
        add("--days", type=positive, default=100, metavar="N", help="days of its history (default: 100)")
        add("--samples-per-day", type=positive, default=1, metavar="N", help="of each database (default: 1)")
        add("--runs", type=positive, default=3, metavar="N", help="runs of each way, in turn (default: 3)")
        add("--scenario", choices=[*SCENARIOS, FORECAST, "all"], default="all", help="what to measure (default: all)")
        add("--series", type=positive, default=30, metavar="N", help="forecast: series of each family (default: 30)")
        add("--seed", type=positive, default=1, metavar="N", help="forecast: another one makes other series")
        parser.add_argument("--json", action="store_true", help="print the figures as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["scenario"] == FORECAST:
            self._forecast(options)
            return
        fleet = Fleet(options["instances"], options["databases"], options["days"], options["samples_per_day"])
        chosen = [name for name in SCENARIOS if options["scenario"] in (name, "all")]
        self.quiet = options["json"]
        try:
            with scratch_database():
                # The history scenario makes fleets of its own.
                samples = self._fill(fleet) if chosen != ["history"] else None
                figures = []
                for name in chosen:
                    self._say(_("Measuring %(name)s ...") % {"name": name})
                    figures.append(SCENARIOS[name](fleet, options["runs"]))
                server = ".".join(map(str, connection.get_database_version()))
        except KeyboardInterrupt:
            raise CommandError(_("Stopped; the database made for the benchmark has been dropped.")) from None
        except (CapacityError, Error) as error:
            raise CommandError(str(error).strip()) from error
        if options["json"]:
            report = {
                "database": f"{connection.vendor} {server}",
                "processors": os.cpu_count(),
                "fleet": asdict(fleet) | {"samples": samples},
                "scenarios": [_as_dict(one) for one in figures],
            }
            self.stdout.write(json.dumps(report, ensure_ascii=False))
            return
        title = _("%(database)s %(version)s, %(cpus)d processors") % {
            "database": connection.display_name,
            "version": server,
            "cpus": os.cpu_count() or 1,
        }
        # Two tables: all columns in one are wider than a terminal.
        columns = [
            _("Scenario"),
            ">" + _("Work (s)"),
            ">" + _("Other (s)"),
            _("Against"),
            ">" + _("Ratio"),
            _("Target"),
        ]
        show_table(self.stdout, title, columns, [_times(one) for one in figures])
        columns = [_("Scenario"), ">" + _("Statements"), ">" + _("Memory"), ">" + _("Rows"), ">" + _("Rows per s"), ""]
        show_table(self.stdout, _("Of one run"), columns, [_costs(one) for one in figures])

    def _forecast(self, options: dict[str, Any]) -> None:
        measured = measure_forecasts(options["series"], options["seed"])
        if options["json"]:
            self.stdout.write(json.dumps(measured.as_dict()))
            return
        rows = {name: family_row(scores) for name, scores in measured.families.items()}
        columns = [_("Family"), *(f">{name}" for name in rows["all"])]
        title = _("Forecasts of made-up series, %(count)d of each family") % {"count": options["series"]}
        show_table(self.stdout, title, columns, [[name, *map(_number, rows[name].values())] for name in FAMILIES])
        columns = [_("Figure"), ">" + _("Value"), _("Target"), ""]
        show_table(self.stdout, _("Of all families"), columns, [_figure(one) for one in measured.figures])

    def _fill(self, fleet: Fleet) -> int:
        begun = time.monotonic()
        fill(fleet)
        samples = number("SELECT COUNT(*) FROM database_size_stats")
        self._say(
            _("%(samples)s samples of %(instances)d instances made in %(seconds).0f s.")
            % {"samples": f"{samples:,}", "instances": fleet.instances, "seconds": time.monotonic() - begun}
        )
        return samples

    def _say(self, text: str) -> None:
        if not self.quiet:
            self.stdout.write(text)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _figure(one: Figure) -> list[str]:
    bound = _("at most %(target)g") if one.at_most else _("at least %(target)g")
    reached = _("reached") if one.reached else _("missed")
    return [one.name, f"{one.value:.2f}", bound % {"target": one.target}, reached]


def _seconds(one: Measured) -> str:
    return f"{one.median:.2f} ({min(one.seconds):.2f}-{max(one.seconds):.2f})"


def _times(one: Figures) -> list[str]:
    target = _("at most %(target)g") % {"target": one.ratio_target}
    return [one.scenario, _seconds(one.work), _seconds(one.other), one.other_name, f"{one.ratio:.2f}", target]


def _costs(one: Figures) -> list[str]:
    statements = f"{one.work.statements}"
    if one.statements_target:
        statements = _("%(count)s (at most %(target)d)") % {"count": statements, "target": one.statements_target}
    memory = _("%(used).0f MB (at most %(target)d)") % {"used": one.work.peak_mb, "target": one.memory_target_mb}
    return [one.scenario, statements, memory, f"{one.rows:,}", f"{one.rows / one.work.median:,.0f}", one.note]


def _as_dict(one: Figures) -> dict[str, Any]:
    return asdict(one) | {"ratio": one.ratio, "rows_per_second": one.rows / one.work.median}
