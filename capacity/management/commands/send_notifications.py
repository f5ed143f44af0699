import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from capacity.alerts.outbox import send_pending


class Command(BaseCommand):
    help = "Sends the messages of the outbox that are due. For cron, each minute, where no worker does it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the counts as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        result = send_pending()
        if options["json"]:
            self.stdout.write(json.dumps(asdict(result)))
        else:
            self.stdout.write(
                _("%(sent)d messages sent, %(waiting)d to be tried again, %(failed)d failed.") % asdict(result)
            )
        if result.failed:
            raise CommandError(_("Some messages could not be delivered: the channels in the admin have the reasons."))
