import json
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from capacity.collection.sources.prometheus.history import Backfilled, backfill
from capacity.errors import CapacityError
from capacity.management.arguments import day
from capacity.management.output import progress_bar
from capacity.models import PrometheusSource


class Command(BaseCommand):
    help = (
        "Stores the sizes of past days that a Prometheus source still has: of each database one sample at the end of "
        "each day. Interrupted, it can be run again; what is stored already stays as it is."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("source", metavar="SOURCE", help="the name of a Prometheus source")
        parser.add_argument("--from", dest="first", type=day, required=True, metavar="DAY", help="such as 2025-01-31")
        parser.add_argument("--to", dest="last", type=day, required=True, metavar="DAY", help="the last day; included")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        first, last = options["first"], options["last"]
        source = PrometheusSource.objects.filter(name=options["source"]).first()
        if source is None:
            names = ", ".join(PrometheusSource.objects.values_list("name", flat=True)) or _("none")
            text = _("There is no Prometheus source named %(name)s; there are: %(names)s.")
            raise CommandError(text % {"name": options["source"], "names": names})
        bar = progress_bar(self.stdout, hidden=options["json"])
        quiet = options["json"] or self.stdout.isatty()
        with bar:
            task = bar.add_task(_("Days"), total=max(0, (last - first).days + 1))

            def tell(so_far: Backfilled, days: int) -> None:
                bar.advance(task, days)
                if not quiet:
                    self.stdout.write(_numbers(so_far))

            result = self._backfill(source, first, last, tell)
        if options["json"]:
            self.stdout.write(
                json.dumps({**asdict(result), "unmatched": sorted(result.unmatched)}, ensure_ascii=False)
            )
            return
        if self.stdout.isatty():
            self.stdout.write(_numbers(result))
        if result.unmatched:
            text = _("No instance has the name or address: %(labels)s. Their series were left out.")
            self.stdout.write(text % {"labels": ", ".join(sorted(result.unmatched)[:100])})
        if result.created or result.updated:
            self.stdout.write(_("Their weeks, months and quarters are made by: manage.py aggregate --stale"))

    def _backfill(self, source: PrometheusSource, first: date, last: date, tell: Any) -> Backfilled:
        try:
            return backfill(source, first, last, tell)
        except CapacityError as error:
            text = _("Stopped; what was stored until then stays, and another run goes on. %(reason)s")
            raise CommandError(text % {"reason": error}) from None


def _numbers(result: Backfilled) -> str:
    text = _("Days: %(days)d. Samples: %(created)d new, %(updated)d replaced, %(unchanged)d there already.")
    return text % asdict(result)
