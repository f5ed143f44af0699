import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from capacity.upkeep.retention import purge


class Command(BaseCommand):
    help = (
        "Deletes samples, day rows, daily period rows and sessions older than their retention, as the schedule does "
        "every night."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only count what would be deleted")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        result = purge(dry_run=options["dry_run"])
        if options["json"]:
            self.stdout.write(json.dumps(result.as_dict()))
            return
        if options["dry_run"]:
            text = _(
                "To be deleted: %(samples)d samples, %(days)d day rows, %(daily)d daily period rows, "
                "%(sessions)d sessions."
            )
        else:
            text = _(
                "Deleted: %(samples)d samples, %(days)d day rows, %(daily)d daily period rows, %(sessions)d sessions."
            )
        counts = {"samples": result.samples, "days": result.days, "daily": result.daily_rows}
        self.stdout.write(text % {**counts, "sessions": result.sessions})
        if result.waiting_for:
            text = _("No day row was deleted, as session %(id)s still reads old ones: purge again after its end.")
            self.stdout.write(text % {"id": result.waiting_for[0]})
        if result.kept_for:
            names = ", ".join(result.as_dict()["kept_for"][:10])
            text = _("Day rows from %(day)s on are kept, as these periods must be computed from them: %(names)s.")
            self.stdout.write(text % {"day": result.days_purged_before, "names": names})
            self.stdout.write(_("Run `manage.py aggregate --stale`, then purge again."))
