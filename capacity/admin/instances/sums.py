"""The line above the list of instances: what is listed, added up."""

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from capacity.insight.sums import Grown, Sums, add_up
from capacity.models import Instance
from capacity.units import format_bytes, format_percent
from sync_sessions.common.words import listed, noted, told


def sums_line(instances: QuerySet[Instance]) -> str:
    """Of all pages of the list; blank when none of them has a sample. One query."""
    sums = add_up(instances)
    if not sums.measured:
        return ""
    count = ngettext("%(count)d instance", "%(count)d instances", sums.instances) % {"count": sums.instances}
    databases = ngettext("%(count)d database", "%(count)d databases", sums.databases) % {"count": sums.databases}
    spans = {"week": _("%(change)s in a week"), "month": _("%(change)s in a month")}
    changes = [spans[span] % {"change": _change(grown, sums)} for span, grown in sums.grown.items()]
    return told(count, listed([databases, format_bytes(sums.bytes), *changes]))


def _change(grown: Grown, sums: Sums) -> str:
    """In bytes and percent; of how many instances, if that is not all of them."""
    notes = [] if grown.percent is None else [format_percent(grown.percent)]
    if grown.compared < sums.instances:
        text = ngettext("%(count)d instance compared", "%(count)d instances compared", grown.compared)
        notes.append(text % {"count": grown.compared})
    change = format_bytes(grown.bytes, sign=True)
    return noted(change, listed(notes)) if notes else change
