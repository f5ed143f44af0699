"""Types of the options of commands."""

from argparse import ArgumentTypeError

from django.utils.translation import gettext as _


def positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise ArgumentTypeError(_("%(text)r is not a whole number above 0") % {"text": text})
    return int(text)
