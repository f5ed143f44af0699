"""The lines and cells of a CSV file as people and their tools write them."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import BinaryIO

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from capacity.errors import InputError

#: What separates cells, by what a sentence calls it. The header line decides.
SEPARATORS = {",": gettext_lazy("commas"), ";": gettext_lazy("semicolons"), "\t": gettext_lazy("tabs")}
MAX_LINE = 65536  # bytes
BLOCK = 100  # lines that are looked at together
#: What makes a line need a look of its own, and every blank but the one that may stand within a cell.
_PECULIAR = b'"\0\t\r\v\f\x1c\x1d\x1e\x1f'
#: The line of the first item.
FIRST_LINE = 2


class CsvError(InputError):
    """The file as a whole cannot be read."""

    code = "invalid_file"


class LineError(Exception):
    """A line cannot be read: a code and a sentence."""


def lines(file: BinaryIO) -> Iterator[bytes | None]:
    """The lines of the file; None for one that is longer than any line of samples."""
    while line := file.readline(MAX_LINE):
        if len(line) < MAX_LINE or line.endswith(b"\n"):
            yield line
            continue
        while (rest := file.readline(MAX_LINE)) and not rest.endswith(b"\n"):
            pass
        yield None


def rows(lines: Iterator[bytes | None], separator: str) -> Iterator["list[str] | LineError"]:
    """The cells of each line, or what is wrong with it; [] for a line without any.

    Lines of plain ASCII without quotes, which most are, are taken by the block: that is twice as fast.
    """
    blank = f"{separator} \t\r\n\v\f".encode()
    while block := list(islice(lines, BLOCK)):
        if (text := _plain(block, separator)) is not None:
            yield from (found if any(found := line.split(separator)) else [] for line in text)
            continue
        for line in block:
            # Spreadsheets write separators for rows that were once used.
            if line is not None and not line.strip(blank):
                yield []
                continue
            try:
                yield cells(line, separator)
            except LineError as error:
                yield error


def _plain(block: Iterable[bytes | None], separator: str) -> list[str] | None:
    """The lines as text, if nothing has to be decoded, unquoted or stripped in any of them."""
    if None in block:
        return None
    joined = b"".join(block).replace(b"\r\n", b"\n")  # type: ignore[arg-type]
    if not joined.isascii() or len(joined.translate(None, _PECULIAR)) != len(joined):
        return None
    edge = separator.encode()
    if b" " in joined and any(pair in b"\n%b\n" % joined for pair in (b"\n ", b" \n", edge + b" ", b" " + edge)):
        return None
    return joined.decode().removesuffix("\n").split("\n")


def cells(line: bytes | None, separator: str) -> list[str]:
    """The cells of one line; raises LineError."""
    if line is None:
        raise LineError("line_too_long", _("The line has more than %(limit)d bytes.") % {"limit": MAX_LINE})
    if b"\0" in line:
        raise LineError("nul", _("The line has a NUL character: the file is damaged, or not a text in UTF-8."))
    try:
        text = line.decode().removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise LineError("wrong_encoding", _("The line is not UTF-8: save the file as UTF-8.")) from None
    if '"' not in text:
        return [cell.strip() for cell in text.split(separator)]
    try:
        # Every line by itself: a quote that is never closed spoils one line, not all that follow.
        # A blank before a quote is none of the name's, as one before any other cell.
        found = next(csv.reader([text], strict=True, delimiter=separator, skipinitialspace=True), [])
    except csv.Error as error:
        reason = _("The line is not valid CSV (%(reason)s); a cell cannot have line breaks.") % {"reason": error}
        raise LineError("invalid_csv", reason) from None
    return [_unquoted(cell, text) for cell in found]


def _unquoted(cell: str, line: str) -> str:
    """The cell without the blanks around it, unless they stood within its quotes: these belong to the name."""
    bare = cell.strip()
    return cell if cell != bare and '"{}"'.format(cell.replace('"', '""')) in line else bare


def header(lines: Iterator[bytes | None], columns: Sequence[str], required: Sequence[str]) -> tuple[str, list[str]]:
    """The separator and the names of the columns; raises CsvError."""
    line = next(lines, b"")
    if line is not None and not line.strip():
        text = _("The file is empty: its first line must be %(header)s.")
        if any(more is None or more.strip() for more in lines):
            text = _("The first line is empty: it must be %(header)s.")
        raise CsvError(text % {"header": ",".join(columns)})
    separator = max(SEPARATORS, key=lambda one: (line or b"").count(one.encode()))
    try:
        names = [name.lower() for name in cells(line, separator)]
    except LineError as error:
        raise CsvError(_("Line 1: %(reason)s") % {"reason": error.args[1]}) from None
    while names and not names[-1]:
        names.pop()
    problems = [
        (_("it has no column %(names)s"), [name for name in required if name not in names]),
        (_("it has an unknown column %(names)s"), [shown(name) for name in names if name not in columns]),
        (_("it has the column %(names)s twice"), sorted({name for name in names if names.count(name) > 1})),
    ]
    found = [text % {"names": ", ".join(wrong[: len(columns)])} for text, wrong in problems if wrong]
    if found:
        raise CsvError(
            _("The header in line 1 cannot be used: %(problems)s. It must be %(header)s.")
            % {"problems": "; ".join(found), "header": ",".join(columns)}
        )
    return separator, names


def shown(name: str) -> str:
    # repr() shows what would move the cursor or turn the writing direction of a terminal.
    return repr(name if len(name) <= 60 else name[:60] + "…")
