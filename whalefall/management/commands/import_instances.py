import json
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError
from django.db import Error
from django.utils.translation import gettext as _

from capacity.collection.instance_file import COLUMNS, InstancesRejected, Line, Plan, plan
from capacity.errors import CapacityError
from capacity.runs.faults import describe


class Command(BaseCommand):
    help = (
        "Creates and changes instances from a CSV file in UTF-8, all of them or none, known by their names. Its "
        f"header has {', '.join(COLUMNS)}; all but the name may be left out (a new instance needs db_type). "
        "password_env is the name of an environment variable that has the password; tags are separated by commas "
        "within quotes."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE.csv")
        parser.add_argument("--dry-run", action="store_true", help="only show what would change")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        as_json = options["json"]
        try:
            with options["file"].open("rb") as file:
                found = plan(file, os.environ.get)
            if not options["dry_run"]:
                found.apply()
        except InstancesRejected as rejected:
            errors = [error._asdict() for error in rejected.errors]
            for error in () if as_json else errors:
                place = _("line %(line)d, %(column)s") if error["column"] else _("line %(line)d")
                self.stderr.write(f"{place % error}: {error['detail']}")
            self._fail(str(rejected), errors, as_json)
        except CapacityError as error:
            self._fail(str(error), [], as_json)
        except Error as error:
            self._fail(describe(error), [], as_json)
        except OSError as error:
            self._fail(f"{options['file']}: {error.strerror}", [], as_json)
        self._tell(found, options["dry_run"], as_json)

    def _tell(self, found: Plan, dry_run: bool, as_json: bool) -> None:
        numbers = {"new": found.new, "changed": found.changed, "unchanged": found.unchanged}
        if as_json:
            result = {
                "status": "completed",
                "dry_run": dry_run,
                **numbers,
                "instances": list(map(_as_dict, found.lines)),
            }
            self.stdout.write(json.dumps(result, ensure_ascii=False))
            return
        for line in found.lines:
            self.stdout.write(_sentence(line))
        text = _("New: %(new)d. Changed: %(changed)d. As they were: %(unchanged)d.") % numbers
        self.stdout.write(_("Nothing was written: %(text)s") % {"text": text} if dry_run else text)

    def _fail(self, reason: str, errors: list[dict[str, Any]], as_json: bool) -> NoReturn:
        message = _("Nothing is imported: %(reason)s") % {"reason": reason}
        if as_json:
            self.stdout.write(
                json.dumps({"status": "failed", "message": message, "errors": errors}, ensure_ascii=False)
            )
        raise CommandError(message)


def _as_dict(line: Line) -> dict[str, Any]:
    changes = {change.name: [change.before, change.after] for change in line.changes}
    return {"name": line.instance.name, "new": line.is_new, "changes": changes}


def _sentence(line: Line) -> str:
    what = _("new") if line.is_new else _("changed")
    changes = (f"{change.name}: {change.before or '–'} → {change.after or '–'}" for change in line.changes)
    return f"{what}  {line.instance.name}  {', '.join(changes)}"
