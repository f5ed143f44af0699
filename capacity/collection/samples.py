"""What comes in: a sample, or an item of a batch that is none, and why."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from django.utils.translation import ngettext

from capacity.errors import InputError

MAX_LISTED = 100  #: errors of a batch that are told one by one


# Not a dataclass: a frozen one takes three times as long to make, and a file has a million of them.
class Sample(NamedTuple):
    """The size of one database at one moment; sizes in bytes, `collected_at` aware."""

    instance_id: int
    database_name: str
    collected_at: datetime
    size_bytes: int
    data_size_bytes: int | None = None
    log_size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class SampleError:
    """Why one item of a batch of samples is refused."""

    index: int  #: the item's position in the batch, from 0
    attr: str  #: the field; "" when it is about the item as a whole
    code: str
    detail: str  #: a sentence
    other: int | None = None  #: the item that this one repeats (code `duplicate`)


class SamplesRejected(InputError):
    """A batch of samples is refused as a whole, and nothing of it is stored.

    `errors` are the first ones by item, at most 100; `total` is how many there are.
    """

    code = "samples_rejected"

    def __init__(self, errors: Sequence[SampleError], total: int) -> None:
        message = ngettext(
            "The samples are refused, nothing is stored: they have %(total)d error.",
            "The samples are refused, nothing is stored: they have %(total)d errors.",
            total,
        )
        super().__init__(message % {"total": total})
        self.errors = list(errors)
        self.total = total


@dataclass(frozen=True, slots=True)
class BadItem:
    """Stands in a batch for an item in which its door has found errors.

    `sample` is what could be made of it all the same: the fields without an error are then checked as well.
    """

    errors: tuple[SampleError, ...]
    sample: Sample | None = None

    def __post_init__(self) -> None:
        if not self.errors:
            raise ValueError("a bad item needs an error")


@dataclass
class ErrorList:
    """The first errors of a batch, and how many there are."""

    listed: list[SampleError] = field(default_factory=list)
    total: int = 0

    def add(self, errors: Iterable[SampleError], more: int = 0) -> None:
        """Errors, and how many more there are that are not listed anyway."""
        for error in errors:
            self.total += 1
            if len(self.listed) < MAX_LISTED:
                self.listed.append(error)
        self.total += more

    def rejected(self) -> SamplesRejected:
        """The exception that carries them, by item."""
        return SamplesRejected(sorted(self.listed, key=lambda error: error.index), self.total)
