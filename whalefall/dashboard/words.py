"""Words and links that the parts of the dashboard share."""

from collections.abc import Sequence
from typing import Any

from django.urls import reverse

from capacity.admin.sizes.addresses import query
from sync_sessions.common.tags import PARAMETER

Tags = Sequence[str]  #: names of those that the page is filtered by; none: it is about the fleet

SHOWN = 20  #: of lists that may be as long as the fleet; the rest is counted


def instance_url(pk: int) -> str:
    return reverse("admin:capacity_instance_change", args=[pk])


def address(tags: Tags, **values: Any) -> str:
    """The query of a page that is filtered by the same tags."""
    return f"?{query({**values, **({PARAMETER: list(tags)} if tags else {})})}"


def list_url(page: str, tags: Tags, **filters: Any) -> str:
    """A list of the admin with these filters, and by the same tags."""
    return reverse(f"admin:{page}_changelist") + (address(tags, **filters) if tags or filters else "")
