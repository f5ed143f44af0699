"""A line of sizes as small as a word: SVG made on the server, with its meaning in words."""

from collections.abc import Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from capacity.units import format_bytes

WIDTH, HEIGHT, MARGIN = 96, 24, 2


def sparkline(sizes: Sequence[int | None], *, monthly: bool = False) -> SafeString:
    """One size in bytes per day or month, None where there is none: the line is broken there."""
    known = [size for size in sizes if size is not None]
    if not known:
        return format_html('<span title="{}">–</span>', _("No sample in these days."))
    return format_html(
        '<svg class="text-primary-600 dark:text-primary-500" width="{}" height="{}" viewBox="0 0 {} {}" role="img" '
        'aria-label="{}" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round">'
        "<title>{}</title>{}</svg>",
        WIDTH,
        HEIGHT,
        WIDTH,
        HEIGHT,
        label := _describe(sizes, known, monthly),
        label,
        format_html_join("", '<polyline points="{}"/>', ((points,) for points in _lines(sizes, known))),
    )


def _describe(sizes: Sequence[int | None], known: Sequence[int], monthly: bool) -> str:
    text = _("From %(first)s to %(last)s, between %(least)s and %(most)s; %(known)d of %(days)d days have a sample.")
    if monthly:
        text = _(
            "From %(first)s to %(last)s, between %(least)s and %(most)s; %(known)d of %(days)d months have a sample."
        )
    return text % {
        "first": format_bytes(known[0]),
        "last": format_bytes(known[-1]),
        "least": format_bytes(min(known)),
        "most": format_bytes(max(known)),
        "known": len(known),
        "days": len(sizes),
    }


def _lines(sizes: Sequence[int | None], known: Sequence[int]) -> list[str]:
    """The points of each unbroken stretch; a day alone is a dot (a line to itself with round ends)."""
    least, spread = min(known), max(known) - min(known)
    lines: list[list[str]] = [[]]
    for number, size in enumerate(sizes):
        if size is None:
            lines.append([])
            continue
        x = MARGIN + (WIDTH - 2 * MARGIN) * number / max(len(sizes) - 1, 1)
        # What does not change lies in the middle.
        height = (size - least) / spread if spread else 0.5
        lines[-1].append(f"{x:.1f},{HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * height:.1f}")
    return [" ".join(line * 2 if len(line) == 1 else line) for line in lines if line]
