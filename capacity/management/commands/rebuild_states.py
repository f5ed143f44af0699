import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _
from rich.progress import Progress

from capacity.collection.states import rebuild_all
from capacity.management.output import console
from capacity.models import Instance


class Command(BaseCommand):
    help = (
        "Derives how every database and instance is now (size, growth, last sample) from the day rows anew, as ingest "
        "does for what it touches. Interrupted, it can be run again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        hidden = options["json"] or not self.stdout.isatty()
        with Progress(console=console(self.stdout), disable=hidden, transient=True) as bar:
            task = bar.add_task(_("Instances"), total=Instance.objects.count())
            written = rebuild_all(lambda count: bar.advance(task, count))
        if options["json"]:
            self.stdout.write(json.dumps(written))
            return
        text = _("States derived: %(database_states)d databases, %(instance_states)d instances.")
        self.stdout.write(text % written)
