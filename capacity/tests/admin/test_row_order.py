"""In which order the lists of samples and rows come."""

import pytest
from django.urls import reverse

from capacity.models import DatabaseSizeAggregation, DatabaseSizeStat, InstanceSizeAggregation
from capacity.tests.factories import make_instance
from capacity.tests.period_rows import add_database_row, add_instance_row
from capacity.tests.samples import add_sample, the

pytestmark = pytest.mark.django_db
DAY = the("daily", "2025-03-05")
NAMES = ("Alpha", "alpha-2", "beta")


def default_order(client, model):
    """The day and the names of each row of that list."""
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    rows = client.get(url).context["cl"].result_list
    return [
        (row.period_start.day, " ".join([row.instance.name, getattr(row, "database_name", "")]).strip())
        for row in rows
    ]


def ordered(client, model, name, pfx=""):
    """The instances of a list that is sorted by the column of that field."""
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    columns = client.get(url).context["cl"].list_display
    number = [getattr(one, "__name__", one) for one in columns].index(name)
    page = client.get(url, {"o": f"{pfx}{number}"})
    return [row.instance.name for row in page.context["cl"].result_list]


@pytest.mark.parametrize(
    ("model", "prefix"), [(DatabaseSizeAggregation, "size"), (InstanceSizeAggregation, "total_size")]
)
@pytest.mark.parametrize("field", ["change_bytes", "change_percent"])
def test_what_is_unknown_comes_last_in_both_directions(admin_client, model, prefix, field):
    for name, change in (("up", 5), ("unknown", None), ("down", -5)):
        instance = make_instance(name)
        add_database_row(instance, "db", DAY, 100, change, change)
        add_instance_row(instance, DAY, 100, change, change)
    assert ordered(admin_client, model, f"{prefix}_{field}") == ["down", "up", "unknown"]
    assert ordered(admin_client, model, f"{prefix}_{field}", "-") == ["up", "down", "unknown"]


def test_rows_of_one_period_stand_by_their_names_without_regard_to_case(admin_client):
    earlier = the("daily", "2025-03-04")
    for name in ("beta", "Alpha", "alpha-2"):
        instance = make_instance(name)
        for day in (earlier, DAY):
            add_instance_row(instance, day, 1)
            for database in ("Orders", "crm"):
                add_database_row(instance, database, day, 1)

    databases = [(day, f"{name} {database}") for day in (5, 4) for name in NAMES for database in ("crm", "Orders")]
    assert default_order(admin_client, DatabaseSizeAggregation) == databases
    assert default_order(admin_client, InstanceSizeAggregation) == [(day, name) for day in (5, 4) for name in NAMES]


@pytest.mark.parametrize("model", ["databasesizeaggregation", "instancesizeaggregation"])
def test_the_lists_say_what_a_change_is_measured_from(admin_client, model):
    page = admin_client.get(reverse(f"admin:capacity_{model}_changelist")).content.decode()
    assert "the average of a period against the average of the one before" in page


def test_so_does_a_measure_that_an_engine_does_not_tell(admin_client):
    for name, size in (("large", 7), ("untold", None), ("small", 3)):
        add_sample(make_instance(name), "db", "2025-03-05", 10, data=size)
    assert ordered(admin_client, DatabaseSizeStat, "data_size_bytes") == ["small", "large", "untold"]
    assert ordered(admin_client, DatabaseSizeStat, "data_size_bytes", "-") == ["large", "small", "untold"]
