"""Rules about limits: how full something is, and when it will be."""

import pytest

from capacity.alerts.evaluation import evaluate
from capacity.alerts.wording import sentence
from capacity.insight.outlook import usage_of
from capacity.models import Alert
from capacity.tests.factories import make_instance
from capacity.tests.outlooks import forecast_of, limit

from .factories import DAY, GIB, NOON, alerts, make_rule, size

pytestmark = pytest.mark.django_db


def test_how_much_of_a_limit_is_used_goes_by_the_last_size_and_by_the_limits_that_are_there_now():
    one = make_instance()
    make_rule("limit_percent", threshold={"percent": 90})
    forecast_of(one, "orders", "date", limit_bytes=600 * GIB, level_bytes=480 * GIB)
    for database, gib, most in (("orders", 590, 600), ("new", 91, 100), ("calm", 89, 100)):
        size(one, database, gib)
        limit(one, most, database)
    evaluate(NOON)
    assert alerts() == [(f"{one.pk}:new", "open", 91), (f"{one.pk}:orders", "open", 98.33)]
    assert "98 %" in sentence(Alert.objects.get(database_name="orders"))


def test_the_percent_is_rounded_as_pages_round_it():
    one = make_instance()
    make_rule("limit_percent", threshold={"percent": 90})
    size(one, "orders", 593)
    limit(one, 600, "orders")
    evaluate(NOON)
    assert "99 %" in sentence(Alert.objects.get())
    assert usage_of([(one.pk, "orders")])[one.pk, "orders"].sentence() == "used 99 % of 600.0 GiB"


def test_a_volume_is_told_of_once_with_all_that_share_it():
    one = make_instance()
    make_rule("limit_percent", threshold={"percent": 90}, level="volume")
    make_rule("limit_percent", threshold={"percent": 1}, level="database")
    for database, gib in (("orders", 40), ("stock", 55)):
        size(one, database, gib)
        limit(one, 100, database, shared_key="D:")
    evaluate(NOON)
    assert alerts() == [("volume:D:", "open", 95)]


def test_what_will_be_full_is_told_with_the_size_that_pages_show():
    one = make_instance()
    make_rule("days_until_full", threshold={"days": 30})
    size(one, "orders", 590)
    limit(one, 600, "orders")
    day = (NOON + 9 * DAY).date()
    forecast_of(one, "orders", "date", limit_bytes=600 * GIB, level_bytes=480 * GIB, expected_on=day)
    evaluate(NOON)
    assert "590.0 GiB of 600.0 GiB now" in sentence(Alert.objects.get())
