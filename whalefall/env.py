"""Reads settings from the environment, and says in a sentence what to set when a value is wrong.

Every function raises ImproperlyConfigured then, and takes a blank variable for one that is not set.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import environ
from django.core.exceptions import ImproperlyConfigured

ENGINES = {
    "sqlite": "django.db.backends.sqlite3",
    "postgres": "django.db.backends.postgresql",
    "postgresql": "django.db.backends.postgresql",
}


def read_file(path: Path) -> None:
    """Adds the NAME=value lines of `path`, if it exists; what the environment has already stays."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"{path} cannot be read ({error}): make it readable, or remove it.") from None
    # environ passes over such a line, and "DEBUG = false" would start with DEBUG on.
    for number, line in enumerate(lines, 1):
        if line and not line.startswith("#") and not re.match(r"(export )?[A-Za-z_0-9]+=", line):
            raise ImproperlyConfigured(f"{path}, line {number}: write NAME=value, without blanks around the =.")
    environ.Env.read_env(path)


def setting(name: str, default: Any, parse: Callable[[str], Any], expects: str, *, secret: bool = False) -> Any:
    """The value of the variable `name` through `parse`; `default`, as it is, when it is not set.

    When `parse` raises ValueError the sentence is "WHALEFALL_CHUNK_SIZE is 'abc': set a whole number from 1
    to 5000."; the value of a `secret` one is left out of it.
    """
    raw = os.environ.get(name, "").strip()
    if not raw:
        return default
    try:
        return parse(raw)
    except ValueError:
        wrong = "cannot be used" if secret else f"is {raw!r}"
        raise ImproperlyConfigured(f"{name} {wrong}: set {expects}.") from None


def whole(name: str, default: int, low: int, high: int, unit: str = "", *, zero: str = "") -> int:
    """A whole number from `low` to `high`, or 0 if that means something: `zero`."""

    def parse(raw: str) -> int:
        if not re.fullmatch("[0-9]{1,20}", raw) or not (low <= int(raw) <= high or (zero and int(raw) == 0)):
            raise ValueError
        return int(raw)

    return setting(name, default, parse, f"{f'0 ({zero}) or ' * bool(zero)}a whole number{unit} from {low} to {high}")


def boolean(name: str, default: bool) -> bool:
    words = {"true": True, "on": True, "yes": True, "1": True}
    words |= {"false": False, "off": False, "no": False, "0": False}

    def parse(raw: str) -> bool:
        if raw.lower() not in words:
            raise ValueError
        return words[raw.lower()]

    return setting(name, default, parse, "true or false")


def listed(name: str, check: Callable[[str], Any], expects: str, *, secret: bool = False) -> list[str]:
    """A comma-separated list, blank items dropped, each passed to `check`; [] when not set."""

    def parse(raw: str) -> list[str]:
        items = [item.strip() for item in raw.split(",") if item.strip()]
        for item in items:
            check(item)
        return items

    return setting(name, [], parse, expects, secret=secret)


def host_name(raw: str) -> None:
    """ValueError unless Django could match it with the host of a request: no scheme, no port, no path."""
    if not re.fullmatch(r"\*|\.?[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]", raw):
        raise ValueError


def redis_url(name: str, default: str) -> str:
    """The URL of a Redis; it may hold a password, so a wrong one is not repeated."""

    def parse(raw: str) -> str:
        if urlsplit(raw).scheme not in ("redis", "rediss") or not urlsplit(raw).hostname:
            raise ValueError
        return raw

    return setting(name, default, parse, "redis://HOST:6379/0 (rediss:// with TLS)", secret=True)


def time_zone(name: str, default: str) -> str:
    def parse(raw: str) -> str:
        try:
            return ZoneInfo(raw).key
        except (OSError, ValueError, KeyError):
            raise ValueError from None

    return setting(name, default, parse, "the name of a time zone such as Asia/Shanghai or Europe/Berlin")


def database(name: str, default: Path) -> dict[str, Any]:
    """An entry of DATABASES from a URL; the SQLite file `default` when not set."""

    def parse(raw: str) -> dict[str, Any]:
        url = urlsplit(raw)
        # With two slashes the file's name would be taken for a host, and the data kept in memory.
        if url.scheme not in ENGINES or (url.scheme == "sqlite" and url.netloc not in ("", ":memory:")):
            raise ValueError
        config = environ.Env.db_url_config(raw, engine=ENGINES[url.scheme])
        if not config["NAME"]:
            raise ValueError
        return config

    expects = (
        "sqlite:////PATH/OF/FILE or postgres://USER:PASSWORD@HOST:PORT/DATABASE (PostgreSQL 14 or newer; "
        "write signs such as / # @ in a password percent-encoded)"
    )
    file = {"ENGINE": ENGINES["sqlite"], "NAME": str(default)}
    return setting(name, file, parse, expects, secret=True)


def mail(name: str) -> dict[str, Any]:
    """Django's EMAIL_ settings from a URL; {} when not set. It holds a password, so a wrong one is not repeated."""

    def parse(raw: str) -> dict[str, Any]:
        if urlsplit(raw).scheme not in ("smtp", "smtp+tls", "smtp+ssl") or not urlsplit(raw).hostname:
            raise ValueError
        found = environ.Env.email_url_config(raw)
        return {key: value for key, value in found.items() if key.startswith("EMAIL_") and value is not None}

    expects = "smtp://HOST:25, smtp+tls://USER:PASSWORD@HOST:587 (STARTTLS) or smtp+ssl://USER:PASSWORD@HOST:465"
    return setting(name, {}, parse, expects, secret=True)


def site_url(name: str) -> str:
    """The address of the site for links, without a slash at its end; "" when not set."""

    def parse(raw: str) -> str:
        if urlsplit(raw).scheme not in ("http", "https") or not urlsplit(raw).hostname or urlsplit(raw).query:
            raise ValueError
        return raw.rstrip("/")

    return setting(name, "", parse, "the address of the site such as https://whalefall.example.com")
