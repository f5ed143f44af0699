"""Why something ended as it did, for people. Stored texts are English and have a code; this translates by code."""

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext, override
from django.utils.translation import gettext_noop as _

from .kinds import all_kinds

#: What stale sessions are told, by error code.
STALE_REASONS = {
    "abandoned": _("The process that ran this session has given no sign of life for longer than the lease."),
    "never_started": _("No worker picked this session up in time: check that a worker is running."),
}
RESULT_MISSING = _("The run ended without a result for this instance (aggregation result missing).")

_sentences: dict[str, str | Promise] = {
    **STALE_REASONS,
    "result_missing": RESULT_MISSING,
    "cancelled": _("The run was cancelled."),
}


class Reason(NamedTuple):
    sentence: str  #: in the reader's language
    detail: str  #: what was stored beside the code, if that says more


def explain(code: str, stored: str) -> Reason:
    """What a code and its stored text mean. A text whose code is not known is shown as it is stored."""
    known = _sentence(code)
    if known is None:
        return Reason(translated(stored), "")
    with override("en"):
        english = str(known)
    return Reason(translated(str(known)), "" if _alike(stored, english) else stored)


def sentence_of(code: str) -> str:
    """What a code means, in the reader's language; "" for one that nobody has registered."""
    known = _sentence(code)
    return "" if known is None else gettext(str(known))


def _sentence(code: str) -> str | Promise | None:
    """The log's own, or that of the first kind of run that knows the code."""
    tables = (_sentences, *(kind.reasons for kind in all_kinds()))
    return next((table[code] for table in tables if code in table), None)


def known_codes() -> list[str]:
    """The codes that have a sentence. Ask when all apps are ready."""
    return list(dict.fromkeys([*_sentences, *(code for kind in all_kinds() for code in kind.reasons)]))


def translated(stored: str) -> str:
    """A stored text in the reader's language, if the catalogue has it; as a sentence."""
    return capfirst(gettext(stored))


def _alike(stored: str, english: str) -> bool:
    return stored.rstrip(".").casefold() in ("", english.rstrip(".").casefold())
