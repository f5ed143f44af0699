"""Deleting instances: those without history, and, in batches, those with all of it."""

from collections.abc import Callable, Iterable
from functools import reduce
from operator import or_
from typing import Any

from django.db import models, transaction
from django.utils.translation import gettext as _

from capacity.errors import CapacityError, InstanceHasHistory
from capacity.models import HISTORY, Instance
from sync_sessions.common.batches import delete_in_batches
from sync_sessions.common.history import log_deleted
from sync_sessions.models import SyncInstanceRecord

BATCH = 5000

#: What an instance is kept for: the tables that PROTECT it.
KEPT_FOR = [
    model
    for model in HISTORY.values()
    if model._meta.get_field("instance").remote_field.on_delete is models.PROTECT  # type: ignore[union-attr]
]


class InstanceActive(CapacityError):
    """An active instance gets new samples all the time."""

    code = "instance_active"


def refusals(instances: Iterable[Instance]) -> list[InstanceHasHistory]:
    """A sentence for each of these that has samples or period rows, by name. One query."""
    of_it = [models.Exists(model._default_manager.filter(instance=models.OuterRef("pk"))) for model in KEPT_FOR]
    kept = Instance.objects.filter(reduce(or_, of_it), pk__in=[one.pk for one in instances])
    text = _("%(name)s has samples or period rows: deactivate it instead.")
    return [InstanceHasHistory(text % {"name": name}) for name in kept.values_list("name", flat=True)]


def delete_instance(instance: Instance, *, by: Any) -> None:
    """Deletes an instance that has no history, and says so in the admin's; InstanceHasHistory for any other."""
    with transaction.atomic():
        _lock(instance)
        for refusal in refusals([instance]):
            raise refusal
        log_deleted(by, instance)
        instance.delete()


def history_of(instance: Instance) -> dict[str, int]:
    """How much there is of everything that `purge_instance` deletes. A query each."""
    return {word: _rows(model, instance).count() for word, model in HISTORY.items()}


def purge_instance(instance: Instance, on_batch: Callable[[int], object] = lambda count: None) -> dict[str, int]:
    """Deletes an inactive instance, its samples, day rows, period rows and marks; gives how many of each.

    Each batch is its own commit, told to `on_batch` with the number of rows; interrupted, it is called again
    and goes on. The run log keeps its records, which know the instance by name; how many is under
    `records_kept`. Raises InstanceActive, with nothing deleted.
    """
    if Instance.objects.active().filter(pk=instance.pk).exists():
        raise InstanceActive(
            _("%(name)s is active: deactivate it in the admin first, so that nothing new comes in meanwhile.")
            % {"name": instance.name}
        )
    deleted = {word: _delete_rows(model, instance, on_batch) for word, model in HISTORY.items()}
    records = SyncInstanceRecord.objects.filter(instance=instance)
    kept = 0
    while batch := list(records.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        kept += SyncInstanceRecord.objects.filter(pk__in=batch).update(instance=None)
    with transaction.atomic():
        # What has come in since the batches goes with it.
        _lock(instance)
        for word, model in HISTORY.items():
            deleted[word] += _rows(model, instance).delete()[0]
        kept += records.update(instance=None)
        log_deleted(None, instance)
        Instance.objects.filter(pk=instance.pk).delete()
    return deleted | {"records_kept": kept}


def _lock(instance: Instance) -> None:
    """Whoever stores samples of it holds it, or waits for the end of this transaction and finds it gone."""
    list(Instance.objects.select_for_update().filter(pk=instance.pk).values_list("pk"))


def _rows(model: type[models.Model], instance: Instance) -> "models.QuerySet[Any]":
    return model._default_manager.filter(instance=instance)


def _delete_rows(model: type[models.Model], instance: Instance, on_batch: Callable[[int], object]) -> int:
    return delete_in_batches(_rows(model, instance).order_by(), BATCH, on_batch)
