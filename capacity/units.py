"""Sizes and percentages as people read them."""

from collections.abc import Iterable
from decimal import Decimal

UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def format_bytes(n: int, *, sign: bool = False) -> str:
    """Bytes in binary units, one decimal place from KiB on: 0 B, 1023 B, 1.5 GiB, -2.0 TiB.

    `sign` writes the plus of a change as well. Rounded half away from zero; exact at any size, as no float
    is involved.
    """
    size, power = abs(n), 0
    # The next unit as soon as this one would read 1024.0.
    while power < len(UNITS) - 1 and _tenths(size, power) >= (10240 if power else 1024):
        power += 1
    number = str(size) if power == 0 else "{}.{}".format(*divmod(_tenths(size, power), 10))
    return f"{'-' if n < 0 else '+' if sign and n else ''}{number} {UNITS[power]}"


def chart_unit(largest: int) -> tuple[str, int]:
    """The one unit for a whole chart whose highest point is `largest` bytes, and how many bytes it is."""
    power = max(0, min(len(UNITS) - 1, (largest.bit_length() - 1) // 10))
    return UNITS[power], 1024**power


def shared_unit(sizes: Iterable[int]) -> int:
    """The power of 1024 of the one unit for a column of sizes: the largest of them has 20 or more of it.

    So no number is longer than 20,479.9, and of a large size and a small one both have digits.
    """
    largest, power = max(map(abs, sizes), default=0), 0
    while power < len(UNITS) - 1 and largest >= 20 * 1024 ** (power + 1):
        power += 1
    return power


def format_in(n: int, power: int, *, sign: bool = False) -> str:
    """Bytes in that unit, as `format_bytes`: 12,345.6 GiB; what would read 0.0 there is <0.1 GiB, a nothing 0 GiB."""
    tenths = _tenths(abs(n), power)
    number = "{:,}.{}".format(*divmod(tenths, 10)) if tenths else "<0.1"
    if power == 0 or n == 0:
        number = f"{abs(n):,}"
    return f"{'-' if n < 0 else '+' if sign and n else ''}{number} {UNITS[power]}"


def _tenths(size: int, power: int) -> int:
    """`size` in tenths of the unit, rounded; whole bytes for power 0."""
    unit = 1024**power
    return (10 * size + unit // 2) // unit if power else size


def hundredths(change: int | None, before: int | None) -> int | None:
    """`change` in hundredths of a percent of `before`, rounded half away from zero; None without one, or of 0.

    In whole numbers: exact at any size, and four times as fast as Decimal.
    """
    if change is None or not before:
        return None
    size = (20_000 * abs(change) + before) // (2 * before)
    return size if change >= 0 else -size


def percent(change: int, before: int) -> Decimal | None:
    """`change` in percent of `before`, two decimals, rounded half away from zero; None if that was 0."""
    found = hundredths(change, before)
    return None if found is None else Decimal(found).scaleb(-2)


def format_percent(percent: Decimal | None) -> str:
    """A change with its sign, "+3.20 %"; unknown is a dash."""
    return "–" if percent is None else f"{percent:+,.2f} %"
