"""FreeTDS takes its TLS settings from a file alone: one for this process, with a section per open connection."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from threading import Lock

_lock = Lock()
_sections: dict[str, str] = {}
_file: Path


def _settle() -> None:
    """Name the file, which is made when it is needed.

    When this is imported, not when it is needed: a variable that is added while another thread looks one up, as
    the C library does for every time of day in some settings, ends the process. In a child, as that has connections
    of its own.
    """
    global _file
    _file = Path(tempfile.gettempdir(), f"whalefall-tds-{token_hex(16)}", "freetds.conf")
    _sections.clear()
    os.putenv("FREETDSCONF", str(_file))  # read by the library, in C


_settle()
os.register_at_fork(after_in_child=_settle)
atexit.register(lambda: shutil.rmtree(_file.parent, ignore_errors=True))


@contextmanager
def section(name: str, **settings: str) -> Iterator[None]:
    """The settings of the server `name` (host:port, as the driver is given it), while it is connected to."""
    lines = [f"[{name}]", *(f"\t{key.replace('_', ' ')} = {value}" for key, value in settings.items())]
    with _lock:
        _sections[name] = "\n".join(lines) + "\n"
        _write()
    try:
        yield
    finally:
        with _lock:
            del _sections[name]
            _write()


def _write() -> None:
    _file.parent.mkdir(mode=0o700, exist_ok=True)
    written = _file.with_name("new")
    written.write_text("\n".join(_sections.values()))
    written.replace(_file)
