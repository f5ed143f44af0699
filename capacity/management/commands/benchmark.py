import json
import os
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error, connection
from django.utils.translation import gettext as _

from capacity.benchmark.figures import Bench, Figures
from capacity.benchmark.fleet import Fleet
from capacity.benchmark.forecasts import measure_forecasts
from capacity.benchmark.scenarios import SCENARIOS
from capacity.benchmark.scratch import scratch_database
from capacity.errors import CapacityError
from capacity.management.arguments import positive
from capacity.management.benchmark_report import show_figures, show_forecasts

FORECAST = "forecast"


class Command(BaseCommand):
    help = (
        "Measures how fast WhaleFall is, on a made-up fleet in a database of its own beside the configured one, which "
        "is not touched. The limit is the fastest SQL that writes the same rows; they are compared. scheduled: the "
        "night's schedules; daily: the current day; poison: with an instance that fails; push: samples by the API; "
        "wide: ten times the instances with a tenth of the databases each; pages: dashboard and lists of as many; "
        "hourly: samples every hour; history: ten times the days; import: a CSV file; forecast: how good forecasts "
        "are, without a database, and not among all."
    )

    requires_system_checks = ()  # they read the configured database

    def add_arguments(self, parser: ArgumentParser) -> None:
        add = parser.add_argument
        add("--instances", type=positive, default=1000, metavar="N", help="instances of the fleet (default: 1000)")
        add("--databases", type=positive, default=30, metavar="N", help="databases of each instance (default: 30)")
        add("--days", type=positive, default=100, metavar="N", help="days of its history (default: 100)")
        add("--samples-per-day", type=positive, default=1, metavar="N", help="of each database (default: 1)")
        add("--runs", type=positive, default=3, metavar="N", help="runs of each way, in turn (default: 3)")
        add("--rows", type=positive, default=500_000, metavar="N", help="import: about so many (default: 500000)")
        add("--requests", type=positive, default=20, metavar="N", help="pages: of each page (default: 20)")
        names = [*SCENARIOS, FORECAST, "all"]
        add("--scenario", nargs="+", choices=names, default=["all"], help="what to measure (default: all)")
        add("--series", type=positive, default=30, metavar="N", help="forecast: series of each family (default: 30)")
        add("--seed", type=positive, default=1, metavar="N", help="forecast: another one makes other series")
        parser.add_argument("--json", action="store_true", help="print the figures as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = options["scenario"]
        if FORECAST in chosen:
            if len(chosen) > 1:
                raise CommandError(_("forecast is measured without the others: it has figures of its own."))
            self._forecast(options)
            return
        fleet = Fleet(options["instances"], options["databases"], options["days"], options["samples_per_day"])
        say = (lambda text: None) if options["json"] else self.stdout.write
        bench = Bench(fleet, options["runs"], options["rows"], options["requests"], say)
        figures: list[Figures] = []
        try:
            with scratch_database():
                for name, measure in SCENARIOS.items():
                    if name in chosen or "all" in chosen:
                        say(_("Measuring %(name)s ...") % {"name": name})
                        figures += measure(bench)
                server = ".".join(map(str, connection.get_database_version()))
        except KeyboardInterrupt:
            raise CommandError(_("Stopped; the database made for the benchmark has been dropped.")) from None
        except (CapacityError, Error) as error:
            raise CommandError(str(error).strip()) from error
        cpus = os.cpu_count() or 1
        if options["json"]:
            report = {
                "database": f"{connection.vendor} {server}",
                "processors": cpus,
                "load": os.getloadavg()[1],
                "fleet": asdict(fleet),
                "scenarios": [one.as_dict() for one in figures],
            }
            self.stdout.write(json.dumps(report, ensure_ascii=False))
            return
        # What else the machine does slows everything: ratios stay, seconds do not.
        title = _("%(database)s %(version)s, %(cpus)d processors, load %(load).1f")
        names = {"database": connection.display_name, "version": server, "cpus": cpus, "load": os.getloadavg()[1]}
        show_figures(self.stdout, title % names, figures)

    def _forecast(self, options: dict[str, Any]) -> None:
        measured = measure_forecasts(options["series"], options["seed"])
        if options["json"]:
            self.stdout.write(json.dumps(measured.as_dict()))
            return
        title = _("Forecasts of made-up series, %(count)d of each family") % {"count": options["series"]}
        show_forecasts(self.stdout, title, measured)
