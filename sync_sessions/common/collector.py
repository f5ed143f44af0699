"""Python's search for objects that refer to each other in circles."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_off() -> Iterator[None]:
    """Without the search, for work that makes many objects and no circles: what is not used any more goes at once.

    It looks at everything that is kept again and again: a third of the time that Python takes for a run over 10,000
    instances and for a push of 5,000 samples, a sixth of reading a file. Of the process; who leaves last, or first,
    turns it on again.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
