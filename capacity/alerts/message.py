"""A message as every kind of channel can carry it; made in the channel's language."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from capacity.models import Severity

#: In HTML; dark enough on white to be read.
COLORS = {"over": "#15803d", "critical": "#dc2626", "warning": "#b45309", "info": "#2563eb"}


@dataclass(frozen=True)
class Part:
    """One alert in a message. `facts` is JSON for machines, the rest is for people."""

    title: str  #: "Full within 30 days: shop-mysql-01 orders"
    lines: Sequence[str]  #: sentences: how much, since when, the usual, the forecast
    link: str  #: of the alert's page; "" where WHALEFALL_SITE_URL is not set
    severity: str
    resolved: bool
    facts: dict[str, Any]
    started_at: datetime

    @property
    def word(self) -> str:
        """Whether it is over, else how bad it is: colours do not reach everybody."""
        return _("Over") if self.resolved else str(Severity(self.severity).label)

    @property
    def color(self) -> str:
        return COLORS["over" if self.resolved else self.severity]


@dataclass(frozen=True)
class Attachment:
    name: str
    content: bytes
    media_type: str


@dataclass(frozen=True)
class Message:
    subject: str
    parts: Sequence[Part] = ()  #: those that are written out
    more: str = ""  #: "and 37 more", when not all are
    link: str = ""  #: of the list of alerts
    html: str = ""  #: for mail; the text is made of it otherwise
    attachments: Sequence[Attachment] = field(default_factory=tuple)

    @property
    def severity(self) -> str:
        """That of its worst part; "info" without one."""
        order = ("info", "warning", "critical")
        return max((part.severity for part in self.parts), key=order.index, default="info")

    def text(self, limit: int | None = None) -> str:
        """Plain text, whole parts only where it must be shorter than `limit` characters."""
        blocks = ["\n".join([part.title, *part.lines, *([part.link] if part.link else [])]) for part in self.parts]
        tail = [text for text in (self.more, self.link) if text]
        while limit and blocks and len("\n\n".join([*blocks, *tail])) > limit:
            if len(blocks) == 1:
                return "\n\n".join([*blocks, *tail])[: limit - 1] + "…"
            blocks.pop()
        return "\n\n".join([*blocks, *tail])
