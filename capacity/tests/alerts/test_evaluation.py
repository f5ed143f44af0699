"""Rules against states, forecasts and runs: alerts begin, go on and end by edges; exact rows, by day."""

from datetime import date, timedelta

import pytest

from capacity.alerts.evaluation import evaluate
from capacity.models import (
    Alert,
    AlertStatus,
    CapacityEvent,
    DatabaseState,
    Instance,
    InstanceState,
    Notification,
)
from capacity.tests.factories import make_instance

from .factories import DAY, GIB, NOON, alerts, make_channel, make_rule, size

pytestmark = pytest.mark.django_db


def at(day):
    """Noon so many days later."""
    return NOON + day * DAY


def over(gib, *channels, **fields):
    return make_rule("size_over", *channels, threshold={"bytes": gib * GIB}, **fields)


def test_an_alert_opens_once_goes_on_and_ends_on_the_second_clear_day():
    one = make_instance()
    rule = over(100)
    size(one, "orders", 100)
    assert (evaluate(at(0)).opened, evaluate(at(0)).opened, evaluate(at(1)).opened) == (1, 0, 0)
    assert alerts() == [(f"{one.pk}:orders", "open", 100.0 * GIB)]

    size(one, "orders", 94)  # over 5 % below
    assert (evaluate(at(2)).resolved, alerts()[0][1]) == (0, "open")
    assert (evaluate(at(2)).resolved, evaluate(at(3)).resolved) == (0, 1)
    assert alerts()[0][1] == "resolved"
    assert rule.alerts.get().resolved_at == at(3)


def test_within_the_margin_nothing_ends():
    one = make_instance()
    over(100)
    size(one, "orders", 100)
    evaluate(at(0))
    size(one, "orders", 96)
    for day in range(1, 5):
        evaluate(at(day))
    assert alerts()[0][1] == "open"


def test_what_is_gone_ends_nothing():
    one = make_instance()
    over(100)
    size(one, "orders", 100)
    evaluate(at(0))
    DatabaseState.objects.all().delete()
    evaluate(at(1))
    evaluate(at(2))
    assert alerts()[0][1] == "open"


def test_a_rule_of_several_days_waits_for_them():
    one = make_instance()
    over(100, for_days=3)
    size(one, "orders", 100)
    assert [evaluate(at(day)).opened for day in range(4)] == [0, 0, 1, 0]
    size(one, "more", 200)
    evaluate(at(4))
    size(one, "more", 1)
    evaluate(at(5))
    assert [(target.split(":")[1], status) for target, status, _value in alerts()] == [
        ("orders", "open"),
        ("more", "resolved"),
    ]


def test_a_second_evaluation_of_the_day_writes_nothing(django_assert_num_queries, django_assert_max_num_queries):
    one = make_instance()
    channel = make_channel()
    over(100, channel)
    for number in range(20):
        size(one, f"db {number}", 100)
    evaluate(at(0))
    before = list(Alert.objects.values()), list(Notification.objects.values())
    evaluate(at(0) + timedelta(hours=1))
    assert (list(Alert.objects.values()), list(Notification.objects.values())) == before


def test_the_rule_is_about_its_instances_engines_and_names_only():
    a, b = make_instance("a"), make_instance("b", db_type="mysql")
    for one in (a, b):
        for name in ("orders", "orders_old"):
            size(one, name, 100)
    over(1, instances=[a], name="of a")
    over(1, db_types=["mysql"], database_pattern="*_old", name="old ones of MySQL")
    evaluate(at(0))
    found = set(Alert.objects.values_list("rule_name", "instance_name", "database_name"))
    assert found == {("of a", "a", "orders"), ("of a", "a", "orders_old"), ("old ones of MySQL", "b", "orders_old")}


def test_inactive_instances_open_nothing():
    one = make_instance(is_active=False)
    over(1)
    size(one, "orders", 100)
    assert evaluate(at(0)).opened == 0


def test_growth_wants_both_the_percent_and_the_bytes():
    one = make_instance()
    make_rule("growth", threshold={"days": 7, "percent": 20, "bytes": 10 * GIB})
    size(one, "both", 60, week_change_bytes=10 * GIB, week_change_percent=20)
    size(one, "small", 1, week_change_bytes=GIB, week_change_percent=400)
    size(one, "slow", 900, week_change_bytes=100 * GIB, week_change_percent=12)
    size(one, "new", 900)
    evaluate(at(0))
    assert alerts() == [(f"{one.pk}:both", "open", 20.0)]


def test_an_instance_that_sends_nothing_is_told_of_until_it_sends_again():
    silent, never, fine = (make_instance(name) for name in ("silent", "never", "fine"))
    Instance.objects.update(created_at=at(-5))
    for one, days in ((silent, 3), (fine, 1)):
        InstanceState.objects.create(
            instance=one,
            first_day=date(2025, 1, 1),
            last_day=date(2026, 3, 1),
            last_sample_at=at(-days),
            last_size_bytes=1,
            last_database_count=1,
        )
    make_rule("not_collected", level="instance", threshold={"days": 2})
    evaluate(at(0))
    assert sorted(Alert.objects.values_list("instance_name", "value")) == [("never", 5.0), ("silent", 3.0)]
    InstanceState.objects.filter(instance=silent).update(last_sample_at=at(0))
    assert evaluate(at(0)).resolved == 1
    assert Alert.objects.get(instance_name="silent").status == AlertStatus.RESOLVED


def test_a_jump_is_an_alert_of_its_day_and_nobody_hears_of_its_end():
    one = make_instance()
    channel = make_channel()
    make_rule("jump", channel, threshold={"percent": 5, "bytes": GIB})
    event = {"instance": one, "kind": "jump", "usual_bytes": GIB}
    CapacityEvent.objects.create(
        database_name="orders", day=date(2026, 3, 1), before_bytes=10 * GIB, after_bytes=20 * GIB, **event
    )
    CapacityEvent.objects.create(
        database_name="small", day=date(2026, 3, 1), before_bytes=100 * GIB, after_bytes=101 * GIB, **event
    )
    evaluate(at(0))
    assert alerts() == [(f"{one.pk}:orders:2026-03-01", "open", 10.0 * GIB)]
    assert [evaluate(at(day)).resolved for day in (1, 7)] == [0, 1]
    assert list(Notification.objects.values_list("kind", flat=True)) == ["opened"]


def test_what_comes_back_within_a_week_is_the_same_alert_and_told_once_a_day():
    one = make_instance()
    over(100, make_channel())
    size(one, "orders", 100)
    evaluate(at(0))
    size(one, "orders", 1)
    evaluate(at(1))
    evaluate(at(2))
    size(one, "orders", 100)
    assert evaluate(at(3)).opened == 1
    alert = Alert.objects.get()
    assert (alert.status, alert.reopened, alert.opened_at) == ("open", 1, at(3))
    assert Notification.objects.filter(kind="opened").count() == 2


def test_a_silenced_alert_is_told_to_nobody():
    one = make_instance()
    over(100, make_channel())
    size(one, "orders", 100)
    evaluate(at(0))
    Alert.objects.update(silenced_until=at(10))
    size(one, "orders", 1)
    evaluate(at(1))
    evaluate(at(2))
    assert list(Notification.objects.values_list("kind", flat=True)) == ["opened"]


def test_few_alerts_are_a_message_each_and_many_are_one():
    one = make_instance()
    few, many = make_channel(), make_channel()
    over(50, few, database_pattern="big*")
    over(10, many)
    for number in range(3):
        size(one, f"big {number}", 50)
        size(one, f"small {number}", 10)
    evaluate(at(0))
    assert Notification.objects.filter(channel=few).count() == 3
    [message] = Notification.objects.filter(channel=many)
    assert message.alerts.count() == 6


def test_a_channel_hears_of_the_end_of_what_it_was_told_of():
    one = make_instance()
    told, mild, quiet = make_channel(), make_channel(min_severity="critical"), make_channel(send_resolved=False)
    over(100, told, mild, quiet)
    size(one, "orders", 100)
    evaluate(at(0))
    size(one, "orders", 1)
    evaluate(at(1))
    evaluate(at(2))
    kinds = {
        name: list(c.notifications.order_by("pk").values_list("kind", flat=True))
        for name, c in (("told", told), ("mild", mild), ("quiet", quiet))
    }
    assert kinds == {"told": ["opened", "resolved"], "mild": [], "quiet": ["opened"]}


def test_a_daily_channel_gets_one_message_at_its_time_and_critical_ones_at_once():
    one = make_instance()
    channel = make_channel(mode="daily", digest_at="08:00")
    over(50, channel)
    over(200, channel, severity="critical")
    size(one, "a", 60)
    size(one, "b", 300)
    evaluate(at(0))
    found = [(m.kind, m.next_try_at.isoformat(), m.alerts.count()) for m in Notification.objects.order_by("pk")]
    assert found == [
        ("opened", "2026-03-02T04:00:00+00:00", 1),
        ("digest", "2026-03-03T00:00:00+00:00", 2),
    ]


def test_a_rule_that_raises_keeps_no_other_quiet(monkeypatch):
    one = make_instance()
    over(100, name="good")
    make_rule("growth", name="bad", threshold={"days": "x"})
    size(one, "orders", 100)
    result = evaluate(at(0))
    assert (result.opened, result.failed) == (1, ("bad",))


def test_many_alerts_at_once_are_one_message_in_few_statements(django_assert_max_num_queries):
    one = make_instance()
    over(1, make_channel())
    DatabaseState.objects.bulk_create(
        DatabaseState(
            instance=one,
            database_name=f"db {number}",
            first_day=date(2025, 1, 1),
            last_day=date(2026, 3, 2),
            last_sample_at=NOON,
            last_size_bytes=2 * GIB,
        )
        for number in range(2500)
    )
    with django_assert_max_num_queries(100):  # SQLite takes few rows a statement
        assert evaluate(at(0)).opened == 2500
    [message] = Notification.objects.all()
    assert message.alerts.count() == 2500
    with django_assert_max_num_queries(20):
        evaluate(at(0))
