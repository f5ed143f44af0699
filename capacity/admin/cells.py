"""Sizes, changes and ages as the pages of instances show them."""

from datetime import datetime, timedelta

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from capacity.insight.growth import LATE_AFTER, SLACK
from capacity.models import Instance, InstanceState
from capacity.models.present import State
from capacity.units import format_bytes, format_percent, percent
from sync_sessions.admin.cells import moment

WARNING = (
    "bg-orange-100 text-orange-700 dark:bg-orange-500/20 dark:text-orange-400 font-semibold inline-block px-1.5 "
    "rounded-default text-xs whitespace-nowrap"
)


def unknown(reason: str) -> SafeString:
    """A dash; the reason is read out, and shown on hover."""
    return format_html('<span title="{}" aria-label="{}" role="img">–</span>', reason, reason)


def size_cell(size: int | None) -> SafeString:
    if size is None:
        return unknown(_("No sample yet."))
    return format_html('<span class="whitespace-nowrap">{}</span>', format_bytes(size))


def state_of(instance: Instance) -> InstanceState | None:
    """None before the first sample; a query unless the list has it with its instances."""
    return getattr(instance, "state", None)


def change_cell(state: State | None, span: timedelta) -> SafeString:
    """Bytes and percent below them, with their sign."""
    return changed_cell(state, state.before(span) if state else None, span)


def changed_cell(state: State | None, before: int | None, span: timedelta) -> SafeString:
    """The same from a size that is not in the state; None: there is none."""
    if state is None:
        return unknown(_("No sample yet."))
    last = state.last_size_bytes
    if before is None:
        return unknown(
            _("There is no sample of %(days)d to %(most)d days before the last one to compare with.")
            % {"days": span.days, "most": (span + SLACK).days}
        )
    said = _("From %(before)s to %(last)s.") % {"before": format_bytes(before), "last": format_bytes(last)}
    return format_html(
        '<span class="inline-flex flex-col whitespace-nowrap" title="{}"><span>{}</span>'
        '<span class="text-xs">{}</span></span>',
        said,
        format_bytes(last - before, sign=True),
        format_percent(percent(last - before, before)),
    )


def sample_cell(state: State | None, now: datetime, since: datetime | None) -> SafeString:
    """The age of the last sample; a word marks it when it is late. `since`: from when on they are expected, if at
    all."""
    at = state.last_sample_at if state else None
    is_late = since is not None and now - (at or since) > LATE_AFTER
    late = format_html('<span class="{}">{}</span>', WARNING, _("late")) if is_late else ""
    if at is None:
        return format_html("{} {}", unknown(_("No sample yet.")), late)
    age = _("%(age)s ago") % {"age": timesince(at, now, depth=1)}
    return format_html(
        '<span class="inline-flex flex-col items-start"><span class="whitespace-nowrap" title="{}">{}</span>{}</span>',
        moment(at),
        age,
        late,
    )
