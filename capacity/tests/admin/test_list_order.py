"""Lists: what they can be sorted by, one period, the instances that lack a day."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.urls import reverse
from django.utils import timezone

from capacity.collection.ingest import ingest
from capacity.models import CapacityLimit, Instance, NotificationChannel, PrometheusSource, Tag
from capacity.periods import Period, today
from capacity.tests.alerts.factories import make_rule
from capacity.tests.factories import a_sample, make_instance
from capacity.tests.samples import add_both, add_day, aggregate

from .staff import logged_in

pytestmark = pytest.mark.django_db

INSTANCES = reverse("admin:capacity_instance_changelist")
DATABASES = reverse("admin:capacity_databasestate_changelist")
ROWS = reverse("admin:capacity_databasesizeaggregation_changelist")


def header(client, address, column):
    """The address that a click on the title of a column leads to."""
    page = client.get(address).content.decode()
    cell = page.split(f"column-{column}")[1].split("</th>")[0]
    return re.search(r'href="([^"]*)"', cell)[1]


def names(answer):
    return [one.name for one in answer.context["cl"].result_list]


def test_the_first_click_on_a_size_shows_the_largest_and_on_a_name_the_first(admin_client):
    for name, size in (("b", 1), ("a", 3), ("c", 2)):
        add_day(make_instance(name), today(), size)

    assert names(admin_client.get(INSTANCES + header(admin_client, INSTANCES, "last_size_bytes"))) == ["a", "c", "b"]
    sorted_already = f"{INSTANCES}?o=-3&db_type__exact=postgresql"
    assert header(admin_client, sorted_already, "engine") == "?db_type__exact=postgresql&amp;o=2"


NAMES = ("beta", "Alpha", "alpha-2", "Gamma")
IN_ORDER = ["Alpha", "alpha-2", "beta", "Gamma"]
#: {list: what makes a row of that name}
NAMED = {
    "capacity_instance": make_instance,
    "capacity_tag": lambda name: Tag.objects.create(name=name),
    "capacity_capacitylimit": lambda name: CapacityLimit.objects.create(instance=make_instance(name), limit_bytes=1),
    "capacity_alertrule": lambda name: make_rule(name=name),
    "capacity_notificationchannel": lambda name: NotificationChannel.objects.create(name=name, kind="webhook"),
    "capacity_prometheussource": lambda name: PrometheusSource.objects.create(name=name, url="http://p:9090"),
    "auth_user": User.objects.create_user,
    "auth_group": lambda name: Group.objects.create(name=name),
}


def shown(answer):
    """Of each row what is one of NAMES in it."""
    rows = [str(row).split() for row in answer.context["cl"].result_list]
    return [name for words in rows for name in NAMES if name in words]


@pytest.mark.parametrize(("page", "make"), NAMED.items(), ids=NAMED)
def test_names_stand_without_regard_to_case(admin_client, page, make):
    for name in NAMES:
        make(name)

    assert shown(admin_client.get(reverse(f"admin:{page}_changelist"))) == IN_ORDER


@pytest.mark.parametrize("column", ["database", "server"])
def test_so_do_those_of_databases_and_their_instances_when_sorted_by_them(admin_client, column):
    ingest([a_sample(make_instance(name), database=name) for name in NAMES])

    page = admin_client.get(DATABASES + header(admin_client, DATABASES, column))

    assert [row.database_name for row in page.context["cl"].result_list] == IN_ORDER


def test_a_default_order_by_name_has_its_sign(admin_client):
    make_instance()
    title = admin_client.get(INSTANCES).content.decode().split("column-name")[1].split("</th>")[0]
    assert "arrow_upward" in title


def test_tags_to_choose_from_stand_without_regard_to_case(admin_client):
    make_instance(tags=NAMES)
    [tags] = [
        one for one in admin_client.get(INSTANCES).context["cl"].filter_specs if "tag" in one.expected_parameters()
    ]
    assert [name for name, _title in tags.lookup_choices] == IN_ORDER


def test_one_period_is_chosen_by_its_name(admin_client):
    instance, month = make_instance(), Period.last_complete("monthly", today())
    add_both(instance, month.start, 10)
    add_both(instance, month.previous().start, 5)
    for period in (month, month.previous()):
        aggregate(period)

    page = admin_client.get(ROWS, {"period_type__exact": "monthly", "period": str(month.start)})

    assert [row.period_start for row in page.context["cl"].result_list] == [month.start]
    assert f"{month.start:%B %Y}" in page.content.decode()


def test_a_day_leads_to_the_active_instances_that_lack_it(admin_client):
    measured, lacking, later, inactive = (make_instance(name) for name in ("measured", "lacking", "later", "off"))
    Instance.objects.exclude(pk=later.pk).update(created_at=timezone.now() - timedelta(days=9))
    Instance.objects.filter(pk=inactive.pk).update(is_active=False)
    day = today() - timedelta(days=2)
    add_day(measured, day, 1)
    add_day(lacking, day - timedelta(days=1), 1)

    assert names(admin_client.get(INSTANCES, {"missing": str(day)})) == ["lacking"]
    assert len(names(admin_client.get(INSTANCES, {"missing": "nonsense"}))) == 4


def test_sizes_of_a_page_are_in_one_unit_and_alone_in_their_own(admin_client):
    for name, gib in (("small", 3), ("large", 2048)):
        CapacityLimit.objects.create(instance=make_instance(name), limit_bytes=gib * 2**30)
    limits = reverse("admin:capacity_capacitylimit_changelist")

    assert re.findall(r'"(\S+ \w+)">([^<]*iB)</span>', admin_client.get(limits).content.decode()) == [
        ("2.0 TiB", "2,048.0\xa0GiB"),
        ("3.0 GiB", "3.0\xa0GiB"),
    ]
    alone = CapacityLimit.objects.get(limit_bytes=2**41)
    page = logged_in("view_capacitylimit").get(reverse("admin:capacity_capacitylimit_change", args=[alone.pk]))
    assert "2.0\xa0TiB" in page.content.decode()
