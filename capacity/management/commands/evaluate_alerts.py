import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from capacity.alerts.evaluation import evaluate
from capacity.alerts.jobs import send_without_broker


class Command(BaseCommand):
    help = "Evaluates the alert rules: opens and ends alerts, and puts the messages into the outbox."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the counts as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        result = evaluate()
        send_without_broker()
        if options["json"]:
            self.stdout.write(json.dumps(asdict(result), ensure_ascii=False))
        else:
            self.stdout.write(
                _("%(rules)d rules evaluated. Alerts: %(opened)d opened, %(resolved)d over. Messages: %(messages)d.")
                % asdict(result)
            )
        if result.failed:
            raise CommandError(
                _("These rules could not be evaluated: %(names)s. The log has the reasons.")
                % {"names": ", ".join(result.failed)}
            )
