"""The rules that come with the product."""

from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection

from capacity.alerts.rules import NAMES
from capacity.models import AlertRule

from .factories import make_rule

pytestmark = pytest.mark.django_db
RULES = "/admin/capacity/alertrule/"
default_rules = import_module("capacity.migrations.0012_default_rules")
limit_rules = import_module("capacity.migrations.0016_limit_rules")


def test_a_rule_that_comes_with_the_product_is_named_in_the_readers_language_and_keeps_its_name(admin_client):
    default_rules.create_rules(apps, SimpleNamespace(connection=connection))
    rule = AlertRule.objects.get(name="Schedule missed")
    chinese = {"accept-language": "zh-hans"}
    assert "错过计划运行" in admin_client.get(RULES, headers=chinese).text
    url = f"{RULES}{rule.pk}/change/"
    shown = admin_client.get(url, headers=chinese).context["adminform"].form.initial["name"]
    assert shown == "错过计划运行"
    form = {"name": shown, "kind": rule.kind, "level": rule.level, "severity": "info", "for_days": 1}
    assert admin_client.post(url, form, headers=chinese).status_code == 302
    rule.refresh_from_db()
    assert (rule.name, rule.severity) == ("Schedule missed", "info")


def test_every_rule_that_comes_with_the_product_has_its_name_in_the_catalogue():
    assert [rule[0] for rule in (*default_rules.RULES, *limit_rules.RULES)] == list(NAMES)


def of_limits():
    """(level, on) of the rules about the use of a limit."""
    limit_rules.create_rules(apps, SimpleNamespace(connection=connection))
    rules = AlertRule.objects.filter(kind="limit_percent").order_by("level")
    return [(rule.level, rule.enabled) for rule in rules]


@pytest.mark.parametrize("on", [True, False])
def test_the_use_of_a_limit_is_watched_of_instances_and_volumes_where_it_is_of_databases(on):
    make_rule(name="full", kind="limit_percent", level="database", enabled=on)
    assert of_limits() == [("database", on), ("instance", on), ("volume", on)]
    assert of_limits() == [("database", on), ("instance", on), ("volume", on)]


def test_who_has_such_a_rule_gets_no_other_and_who_has_none_gets_it_off():
    make_rule(name="mine", kind="limit_percent", level="instance", enabled=True)
    assert of_limits() == [("instance", True), ("volume", False)]
