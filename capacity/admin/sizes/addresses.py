"""Where the pages of databases and of comparisons are, from wherever they are named."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.http import QueryDict
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from capacity.insight.history import Asked
from capacity.models import Instance


def query(values: Mapping[str, Any]) -> str:
    """As an address has it, lists as often as they have values."""
    found = QueryDict(mutable=True)
    for name, value in values.items():
        found.setlist(name, list(value) if isinstance(value, list | tuple) else [str(value)])
    return found.urlencode()


def compare_query(asked: Asked, series: Iterable[str] | None = None, **more: Any) -> str:
    """What is asked for, with other series if they are given."""
    keys = [line.key for line in asked.lines] if series is None else list(series)
    return query({"series": keys, "from": asked.first, "to": asked.last, "step": asked.step, **more})


def compare_url(asked: Asked, **more: Any) -> str:
    return f"{reverse('admin:capacity_compare')}?{compare_query(asked, **more)}"


def database_url(instance_id: int, name: str) -> str:
    """Goes to the page of that database; no query is needed for its key. Of an instance (no name) its own page."""
    if not name:
        return reverse("admin:capacity_instance_change", args=[instance_id])
    return f"{reverse('admin:capacity_databasestate_named', args=[instance_id])}?{urlencode({'name': name})}"


def database_link(instance_id: int, name: Any, text: Any = None) -> SafeString:
    """`text`: if not the name."""
    return format_html('<a class="text-link" href="{}">{}</a>', database_url(instance_id, name), text or name)


def instance_link(instance: Instance) -> SafeString:
    return database_link(instance.pk, "", instance.name)
