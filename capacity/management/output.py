"""How commands show tables: drawn on a terminal, one plain line per row elsewhere."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.core.management.base import OutputWrapper
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from sync_sessions.common.statuses import VARIANTS

#: The labels' variants as colours of a terminal.
_COLOURS = {"default": "", "info": "cyan", "success": "green", "warning": "yellow", "danger": "red"}
_STYLES = {status: _COLOURS[variant] for status, variant in {**VARIANTS, "busy": "warning"}.items()}


def console(out: OutputWrapper) -> Console:
    """Rich's console on a command's stdout."""
    stream: Any = out._out
    return Console(file=stream)


def progress_bar(out: OutputWrapper, *, hidden: bool) -> Progress:
    """A bar that counts instances or rows; it shows on a terminal only, and is gone at the end."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console(out),
        disable=hidden or not out.isatty(),
        transient=True,
    )


@contextmanager
def warnings_alone() -> Iterator[None]:
    """While a command tells of its progress itself, the log's own lines of it would stand between its lines."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(max(level, logging.WARNING))
    try:
        yield
    finally:
        root.setLevel(level)


def show_table(out: OutputWrapper, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Writes the table to a command's stdout. Columns whose title begins with ">" align right."""
    if not out.isatty():
        out.write(f"{title}:")
        out.write("  ".join(column.lstrip(">") for column in columns if column))
        for row in rows:
            out.write("  ".join(cell for cell in row if cell))
        return
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    for column in columns:
        right = column.startswith(">")
        # On a narrow terminal texts are folded; a number that is cut is another number.
        table.add_column(column.lstrip(">"), justify="right" if right else "left", no_wrap=right, overflow="fold")
    for row in rows:
        # Text, not markup: names may hold square brackets.
        table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    console(out).print(table)
