"""Types of the options of commands, and those that several have."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from capacity.inventory.selection import Selection


def positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise ArgumentTypeError(_("%(text)r is not a whole number above 0") % {"text": text})
    return int(text)


def day(text: str) -> date:
    return date.fromisoformat(text)


def add_selection(parser: ArgumentParser) -> None:
    """--instance or --tag, for `selection_of`."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--instance", nargs="+", action="extend", metavar="NAME", help="only these instances")
    which.add_argument("--tag", nargs="+", action="extend", metavar="TAG", help="only those with one of these tags")


def selection_of(options: dict[str, Any]) -> Selection:
    """Which instances the options name; the fleet when they name none."""
    return Selection.tagged(options["tag"]) if options["tag"] else Selection.named(options["instance"])
