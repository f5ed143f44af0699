"""How commands ask before they do what cannot be undone."""

import sys

from django.core.management.base import BaseCommand


def answer_to(command: BaseCommand, question: str) -> str | None:
    """What the person at the terminal types; None where there is no terminal, and so nobody to ask.

    The question goes to stderr, as stdout may be read by a machine.
    """
    if not sys.stdin.isatty():
        return None
    command.stderr.write(question, command.style.WARNING, ending=" ")
    command.stderr.flush()
    try:
        return input().strip()
    except EOFError:
        return ""
