"""What the browser shows of a form for some choices of a field; without scripts all of it is shown."""

from collections.abc import Iterable


def shown_if(chooser: str, choices: Iterable[str]) -> str:
    """The condition as the theme's `conditional_fields` take it."""
    return " || ".join(f"{chooser} == '{choice}'" for choice in choices)
