"""FreeTDS takes its TLS settings from a file alone: one for this process, with a section per open connection."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

_lock = Lock()
_sections: dict[str, str] = {}
_directory: list[Path] = []


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
    if not _directory:
        _directory.append(Path(tempfile.mkdtemp(prefix="whalefall-tds-")))
        atexit.register(shutil.rmtree, _directory[0], ignore_errors=True)
        os.putenv("FREETDSCONF", str(_directory[0] / "freetds.conf"))  # read by the library, in C
    written = _directory[0] / "new"
    written.write_text("\n".join(_sections.values()))
    written.replace(_directory[0] / "freetds.conf")
