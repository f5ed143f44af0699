"""How databases live: sixteen made-up families of daily sizes, the same numbers for the same seed."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from math import pi, sin
from random import Random

from capacity.insight.weeks import Series

DAYS = 930
FIRST = date(2022, 1, 1)
GIB = 2**30
MISSED = 0.02  #: the share of days without a sample, in every family

#: A size for each day, in bytes.
Sizes = list[float]


def series(family: str, number: int, seed: int) -> Series:
    """Of one database. Some days are missing, the first one never."""
    random = Random(f"{seed} {family} {number}")
    sizes = FAMILIES[family](random)
    there = [True, *(random.random() >= MISSED for _day in range(DAYS - 1))]
    if family == "missing days":
        there = _with_gaps(random)
    return Series.of(
        (FIRST + timedelta(days=day), max(int(size), 0), max(int(size), 0))
        for day, size in enumerate(sizes)
        if there[day]
    )


def _with_gaps(random: Random) -> list[bool]:
    there = [True, *(random.random() >= 0.2 for _day in range(DAYS - 1))]
    for _gap in range(3):
        first = random.randrange(30, DAYS)
        for day in range(first, min(first + random.randint(10, 40), DAYS)):
            there[day] = False
    return there


def _start(random: Random) -> float:
    return GIB * random.lognormvariate(3, 1.2)


def _daily(random: Random, size: float, low: float = 0.1, high: float = 1.0) -> float:
    """Bytes per day; `low` and `high` are the shares of the size that a year adds."""
    return size * random.uniform(low, high) / 365


def _line(random: Random, size: float, growth: float, noise: float = 0.002) -> Sizes:
    return [size + growth * day + size * random.gauss(0, noise) for day in range(DAYS)]


def _steady(random: Random) -> Sizes:
    size = _start(random)
    return _line(random, size, _daily(random, size))


def _saw_tooth(random: Random) -> Sizes:
    swing, phase = random.uniform(0.02, 0.15), random.randrange(7)
    return [size * (1 + swing * ((day + phase) % 7) / 6) for day, size in enumerate(_steady(random))]


def _steps(random: Random) -> Sizes:
    """Little growth, and loads that come at random and stay."""
    size = _start(random)
    sizes, offset = [], 0.0
    for day, value in enumerate(_line(random, size, _daily(random, size, 0, 0.2))):
        if day and random.random() < 1 / 120:
            offset += size * random.uniform(0.05, 0.3)
        sizes.append(value + offset)
    return sizes


def _purged(random: Random) -> Sizes:
    """Growth that is cut back at random."""
    size = _start(random)
    sizes, growth = [], _daily(random, size, 0.3, 1.2)
    for _day in range(DAYS):
        size += growth * random.uniform(0.5, 1.5)
        if random.random() < 1 / 200:
            size *= random.uniform(0.4, 0.8)
        sizes.append(size)
    return sizes


def _retention(random: Random) -> Sizes:
    """What is older than a month goes at once, every month."""
    size = _start(random)
    growth, swing, phase = _daily(random, size, 0.05, 0.5), random.uniform(0.05, 0.3), random.randrange(30)
    return [value + size * swing * ((day + phase) % 30) / 30 for day, value in enumerate(_line(random, size, growth))]


def _ramp(random: Random) -> Sizes:
    """A new database that is loaded ever more slowly and then grows as others do."""
    final = _start(random)
    growth, fade = _daily(random, final), random.uniform(0.02, 0.06)
    return [
        final * (1 - 0.95 * (1 - fade) ** day) + growth * day + final * random.gauss(0, 0.002) for day in range(DAYS)
    ]


def _compound(random: Random) -> Sizes:
    size, yearly = _start(random), random.uniform(0.2, 2)
    return [size * (1 + yearly) ** (day / 365) * (1 + random.gauss(0, 0.002)) for day in range(DAYS)]


def _month_end(random: Random) -> Sizes:
    """Two days of month-end work, of which a part stays."""
    size = _start(random)
    spike, growth = size * random.uniform(0.05, 0.25), size * random.uniform(0.01, 0.05)
    calm = _line(random, size, 0)
    return [value + growth * (day // 30) + (spike if day % 30 >= 28 else 0) for day, value in enumerate(calm)]


def _flat(random: Random) -> Sizes:
    size = _start(random)
    return _line(random, size, 0, 0.0003)


def _shrinking(random: Random) -> Sizes:
    size = _start(random)
    return _line(random, size, -_daily(random, size, 0.05, 0.3))


def _moved_out(random: Random) -> Sizes:
    """A large part goes to another server, once."""
    day_of_move, share = random.randrange(150, 800), random.uniform(0.3, 0.8)
    sizes = _steady(random)
    return [size - (share * sizes[day_of_move] if day >= day_of_move else 0) for day, size in enumerate(sizes)]


def _allocated(random: Random) -> Sizes:
    """A file that grows by a piece whenever it is full."""
    size = _start(random)
    piece, growth = size * random.uniform(0.02, 0.1), _daily(random, size, 0.2, 1)
    return [size + piece * ((growth * day) // piece) for day in range(DAYS)]


def _rate_change(random: Random) -> Sizes:
    size = _start(random)
    growth, factor = _daily(random, size, 0.1, 0.5), random.choice([1 / 4, 1 / 3, 3, 4])
    day_of_change, sizes = random.randrange(200, 700), []
    for day in range(DAYS):
        size += growth * (factor if day >= day_of_change else 1) * random.uniform(0.5, 1.5)
        sizes.append(size)
    return sizes


def _season(random: Random) -> Sizes:
    swing, phase = random.uniform(0.03, 0.12), random.randrange(365)
    return [size * (1 + swing * sin(2 * pi * (day + phase) / 365)) for day, size in enumerate(_steady(random))]


def _heavy_tail(random: Random) -> Sizes:
    """Growth by days that are mostly small and now and then very large."""
    size = _start(random)
    sizes, growth = [], _daily(random, size)
    for _day in range(DAYS):
        size += growth * (random.paretovariate(1.6) - 1) / 1.67
        sizes.append(size)
    return sizes


FAMILIES: dict[str, Callable[[Random], Sizes]] = {
    "steady": _steady,
    "saw-tooth": _saw_tooth,
    "steps": _steps,
    "purged": _purged,
    "retention": _retention,
    "ramp": _ramp,
    "compound": _compound,
    "month-end": _month_end,
    "flat": _flat,
    "shrinking": _shrinking,
    "missing days": _steady,
    "moved out": _moved_out,
    "allocated": _allocated,
    "rate change": _rate_change,
    "season": _season,
    "heavy tail": _heavy_tail,
}


def every_series(per_family: int, seed: int) -> Iterator[tuple[str, Series]]:
    for family in FAMILIES:
        for number in range(per_family):
            yield family, series(family, number, seed)
