"""The names of things, which lead to their pages."""

from collections.abc import Iterable

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from capacity.insight.series import Target
from capacity.models import DatabaseState, Instance


def instance_link(instance: Instance) -> SafeString:
    return _link(reverse("admin:capacity_instance_change", args=[instance.pk]), instance.name)


def database_link(key: int | None, name: str) -> SafeString | str:
    """`key`: that of its state; None where it has none (any more)."""
    return name if key is None else _link(reverse("admin:capacity_databasestate_change", args=[key]), name)


def state_keys(targets: Iterable[Target]) -> dict[Target, int]:
    """The keys of the states of databases, for `database_link`. One query."""
    wanted = {target for target in targets if target[1]}
    rows = DatabaseState.objects.filter(
        instance__in={instance for instance, _name in wanted}, database_name__in={name for _instance, name in wanted}
    )
    return {(instance, name): pk for pk, instance, name in rows.values_list("pk", "instance_id", "database_name")}


def _link(url: str, text: str) -> SafeString:
    return format_html('<a class="text-link" href="{}">{}</a>', url, text)
