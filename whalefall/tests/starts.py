"""Starts the product as an operator does: a process of its own, with only the variables that are given."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FIELD_KEY = "d2hhbGVmYWxsLXRlc3RzLXdoYWxlZmFsbC10ZXN0cyE="
PRODUCTION = {
    "DEBUG": "false",
    "SECRET_KEY": "pR7-zQ2_vL9xT4mK8sW1nB6cJ3hF5gD0yE7uA2iO9lXqZ4tVbN8rM2",
    "ALLOWED_HOSTS": "whalefall.example",
    "WHALEFALL_FIELD_KEYS": FIELD_KEY,
}


def python(*arguments, root=ROOT, **variables):
    """Runs python with these arguments in `root`; .env is not read, as in every child of pytest."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTEST_VERSION") if name in os.environ}
    # Python cannot wait for a process with a time-out when faketime moves the clock.
    timeout = None if "faketime" in os.environ.get("LD_PRELOAD", "") else 120
    return subprocess.run(
        [sys.executable, *arguments], cwd=root, env=kept | variables, capture_output=True, text=True, timeout=timeout
    )


def manage(*arguments, **variables):
    return python("-W", "error", "manage.py", *arguments, **variables)
