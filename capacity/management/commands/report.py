import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from capacity.errors import InputError
from capacity.insight.report import Report, as_csv, as_dict, as_html, make_report, month_of
from capacity.inventory.selection import Selection
from capacity.management.output import show_table
from capacity.models import DbType
from capacity.periods import today
from capacity.units import format_bytes, format_percent


class Command(BaseCommand):
    help = (
        "The report of a month: its figures here, the whole of it as a page that prints on A4 (--html), and every "
        "database as CSV (--csv)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--month", metavar="YYYY-MM", help="the last complete one, if it is not given")
        parser.add_argument(
            "--tag", nargs="+", action="extend", metavar="TAG", help="instances that have one of these tags"
        )
        parser.add_argument("--html", type=Path, metavar="FILE", help="write the page into this file")
        parser.add_argument("--csv", type=Path, metavar="FILE", help="write the databases into this file")
        parser.add_argument("--json", action="store_true", help="print the report as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        day = today()
        try:
            report = make_report(month_of(options["month"], day), Selection.tagged(options["tag"]), day)
        except InputError as error:
            raise CommandError(str(error)) from None
        if not report.instances:
            raise CommandError(_("No instance has a sample in this month."))
        for name, content in (("html", as_html), ("csv", as_csv)):
            if options[name]:
                _write(options[name], content(report))
        if options["json"]:
            self.stdout.write(json.dumps(as_dict(report), cls=DjangoJSONEncoder))
        else:
            self._show(report)

    def _show(self, report: Report) -> None:
        columns = [
            _("Engine"),
            ">" + _("Instances"),
            ">" + _("Databases"),
            ">" + _("Size"),
            ">" + pgettext("of size", "Change"),
        ]
        rows = [
            [
                str(DbType(one.db_type).label),
                str(one.instances),
                str(one.databases),
                format_bytes(one.bytes),
                "–" if one.change_bytes is None else format_bytes(one.change_bytes, sign=True),
            ]
            for one in report.engines
        ]
        show_table(self.stdout, _("Capacity in %(month)s") % {"month": f"{report.month.start:%Y-%m}"}, columns, rows)
        change = report.month_change
        self.stdout.write(
            _("In all %(size)s, %(change)s against the month before. Full in 90 days: %(full)d; events: %(events)d.")
            % {
                "size": format_bytes(report.bytes),
                "change": format_percent(change.percent) if change else "–",
                "full": len(report.full_soon),
                "events": len(report.events) + report.events_left,
            }
        )


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        told = _("%(path)s cannot be written: %(reason)s.")
        raise CommandError(told % {"path": path, "reason": error.strerror or error}) from None
