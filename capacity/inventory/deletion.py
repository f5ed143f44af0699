"""Deletes an instance with all its history, in batches."""

from collections.abc import Callable
from typing import Any

from django.db import models, transaction
from django.utils.translation import gettext as _

from capacity.errors import CapacityError
from capacity.models import (
    CarriedDatabase,
    DatabaseDayStat,
    DatabaseSizeAggregation,
    DatabaseSizeStat,
    DatabaseState,
    Instance,
    InstanceSizeAggregation,
    InstanceSizeStat,
    InstanceState,
    StalePeriod,
)
from sync_sessions.models import SyncInstanceRecord

BATCH = 5000

#: What an instance has, by the word that results have for it.
HISTORY: dict[str, type[models.Model]] = {
    "samples": DatabaseSizeStat,
    "days": InstanceSizeStat,
    "database_days": DatabaseDayStat,
    "carried": CarriedDatabase,
    "database_states": DatabaseState,
    "instance_states": InstanceState,
    "database_rows": DatabaseSizeAggregation,
    "instance_rows": InstanceSizeAggregation,
    "marks": StalePeriod,
}


class InstanceActive(CapacityError):
    """An active instance gets new samples all the time."""

    code = "instance_active"


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
    deleted = dict.fromkeys(HISTORY, 0)
    for word, model in HISTORY.items():
        while count := _delete_batch(model, instance):
            deleted[word] += count
            on_batch(count)
    records = SyncInstanceRecord.objects.filter(instance=instance)
    kept = 0
    while batch := list(records.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        kept += SyncInstanceRecord.objects.filter(pk__in=batch).update(instance=None)
    with transaction.atomic():
        # Whoever stores samples of it holds it or waits for this, and finds it gone: what has come in since
        # the batches goes with it.
        list(Instance.objects.select_for_update().filter(pk=instance.pk).values_list("pk"))
        for word, model in HISTORY.items():
            deleted[word] += _rows(model, instance).delete()[0]
        kept += records.update(instance=None)
        Instance.objects.filter(pk=instance.pk).delete()
    return deleted | {"records_kept": kept}


def _rows(model: type[models.Model], instance: Instance) -> "models.QuerySet[Any]":
    return model._default_manager.filter(instance=instance)


def _delete_batch(model: type[models.Model], instance: Instance) -> int:
    batch = list(_rows(model, instance).order_by().values_list("pk", flat=True)[:BATCH])
    return model._default_manager.filter(pk__in=batch).delete()[0]
