"""Databases from before there were day rows: the migration makes what ingest would have made."""

from importlib import import_module
from types import SimpleNamespace

import pytest
from django.db import connection

from capacity.collection.ingest import ingest
from capacity.models import CapacityState, DatabaseDayStat, DatabaseState, InstanceState
from capacity.models.days import UNFIT
from capacity.tests.factories import a_sample, make_instance

pytestmark = pytest.mark.django_db
MIGRATION = import_module("capacity.migrations.0008_fill_day_rows")
MODELS = (DatabaseDayStat, DatabaseState, InstanceState)


def rows():
    return [list(model.objects.order_by("pk").values()) for model in MODELS]


def without_keys(tables):
    return [sorted(str({k: v for k, v in row.items() if k != "id"}) for row in table) for table in tables]


@pytest.fixture
def history():
    for instance in (make_instance(), make_instance()):
        for day in (1, 8, 29, 30, 31):
            for hour in range(1, 1 + day % 4):
                size = {"data_size_bytes": hour} if hour > 1 else {}
                for name in "ab"[: 1 + day % 2]:
                    ingest(
                        [a_sample(instance, f"2025-03-{day:02}T{hour:02}:00:00+08:00", day * 10 + hour, name, **size)]
                    )
    ingest([a_sample(instance, f"2025-04-01T0{hour}:00:00+08:00", 2**63 - 1, "huge") for hour in (1, 2)])
    CapacityState.objects.update(samples_purged_before="2025-03-01")


def test_it_makes_the_day_rows_and_states_that_ingest_makes(history, monkeypatch, capsys):
    expected = rows()
    assert DatabaseDayStat.objects.filter(sum_size_bytes=UNFIT).count() == 1
    for model in MODELS:
        model.objects.all().delete()
    monkeypatch.setattr(MIGRATION, "CHUNK", 1)

    MIGRATION.fill(None, SimpleNamespace(connection=connection))

    assert without_keys(rows()) == without_keys(expected)
    assert str(CapacityState.objects.get().days_purged_before) == "2025-03-01"
    assert "day rows of 2 of 2 instances" in capsys.readouterr().out


def test_run_again_after_an_interruption_it_makes_good_what_is_there(history):
    expected = rows()
    DatabaseDayStat.objects.update(sum_size_bytes=1, last_size_bytes=1)
    InstanceState.objects.all().delete()

    MIGRATION.fill(None, SimpleNamespace(connection=connection))

    assert without_keys(rows()) == without_keys(expected)
