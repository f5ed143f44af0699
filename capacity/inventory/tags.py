"""Which tags instances have."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.utils import timezone

from capacity.models import Instance, Tag
from sync_sessions.common.history import log_changed

_PAIRS = Instance.tags.through


def all_tags() -> QuerySet[Tag]:
    """To choose from, without regard to case."""
    return Tag.objects.order_by(Lower("name"), "name")


def tag_names(instance_ids: Iterable[int] | None = None) -> dict[int, list[str]]:
    """{instance id: the names of its tags, in their order} of these instances, or of all. One query."""
    pairs = _PAIRS._default_manager.all()
    if instance_ids is not None:
        pairs = pairs.filter(instance__in=list(instance_ids))
    found: defaultdict[int, list[str]] = defaultdict(list)
    for instance, name in pairs.order_by(Lower("tag__name"), "tag__name").values_list("instance_id", "tag__name"):
        found[instance].append(name)
    return dict(found)


def tag_instances(instances: QuerySet[Instance], tag: Tag, *, on: bool, by: Any) -> int:
    """Gives these instances the tag, or takes it from them; how many changed, each with an entry in its history."""
    with transaction.atomic():
        having = {"tags": tag}
        changed = list(instances.exclude(**having) if on else instances.filter(**having))
        if on:
            tag.instances.add(*changed)
        else:
            tag.instances.remove(*changed)
        Instance.objects.filter(pk__in=[one.pk for one in changed]).update(updated_at=timezone.now())
        log_changed(by, changed, ["tags"])
    return len(changed)
