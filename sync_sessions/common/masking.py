"""Error texts as they may be stored and shown."""

import re

MAX_LENGTH = 4000

# user:password@ of a URL, and password=... / pwd: ... of a DSN, a JSON document or a repr.
_URL_PASSWORD = re.compile(r"(://[^\s:/@]{0,255}:)[^\s@]{1,255}@")
_NAMED_PASSWORD = re.compile(
    r"""(?P<name>\b(?:password|passwd|pwd)["']?\s*[=:]\s*)(?:"[^"]*"|'(?:[^']|'')*'|\{[^}]*\}|[^\s,;&})]+)""",
    re.IGNORECASE,
)


def mask_passwords(text: str) -> str:
    return _NAMED_PASSWORD.sub(r"\g<name>****", _URL_PASSWORD.sub(r"\1****@", text))


def clean_error(error: object) -> str:
    """The text of an error for the log: passwords masked, no NUL or lone surrogate, at most 4,000 characters."""
    # Twice the length is read, so that 5 MB cost nothing; with the @ a URL's password cut there is masked as well.
    text = str(error)
    if not text:  # of the thousands that went well
        return text
    text = text if len(text) <= 2 * MAX_LENGTH else text[: 2 * MAX_LENGTH] + "@"
    text = text.replace("\x00", "")
    text = text.encode("utf-8", "replace").decode("utf-8")
    text = mask_passwords(text)
    return text if len(text) <= MAX_LENGTH else text[: MAX_LENGTH - 1] + "…"
