"""Who may do what: every action of the admin is a line here, or this fails."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import AnonymousUser, User
from django.test import RequestFactory

from .roles import user_of

pytestmark = pytest.mark.django_db

PEOPLE = ("anonymous", "nobody", "viewer", "operator", "administrator")  # each may do what the one before may
SEEN = {"view": "viewer"}
RAW = {"view": "superuser", "delete_selected": "superuser"}
#: {app.model: {action of the list: the first of PEOPLE who may, or superuser}}; "view" is the list itself
ADMIN = {
    "auth.group": {"view": "administrator", "delete_selected": "administrator"},
    "auth.user": {"view": "administrator", "delete_selected": "administrator"},
    "axes.accessattempt": {"view": "administrator", "unlock": "administrator"},
    "axes.accesslog": {"view": "administrator"},
    "capacity.alert": {**SEEN, "acknowledge_selected": "operator", "silence_selected": "operator"},
    "capacity.alertrule": {**SEEN, "delete_selected": "administrator"},
    "capacity.capacityevent": SEEN,
    "capacity.capacitylimit": {**SEEN, "delete_selected": "administrator"},
    "capacity.databasesizeaggregation": SEEN,
    "capacity.databasesizestat": SEEN,
    "capacity.databasestate": {**SEEN, "compare_chosen": "viewer", "set_limit": "administrator"},
    "capacity.forecast": SEEN,
    "capacity.instance": {
        **SEEN,
        "add_tag": "administrator",
        "remove_tag": "administrator",
        "aggregate_current_period": "operator",
        "aggregate_periods": "operator",
        "collect_now": "operator",
        "compare_chosen": "viewer",
        "set_limit": "administrator",
        "activate": "administrator",
        "deactivate": "administrator",
        "delete_selected": "administrator",
    },
    "capacity.instancesizeaggregation": SEEN,
    "capacity.instancesizestat": SEEN,
    "capacity.notificationchannel": {"view": "administrator", "delete_selected": "administrator"},
    "capacity.prometheusmapping": {"view": "administrator", "delete_selected": "administrator"},
    "capacity.prometheussource": {"view": "administrator", "delete_selected": "administrator"},
    "capacity.schedule": {
        **SEEN,
        "enable": "administrator",
        "disable": "administrator",
        "delete_selected": "administrator",
    },
    "capacity.tag": {**SEEN, "delete_selected": "administrator"},
    "django_celery_beat.clockedschedule": RAW,
    "django_celery_beat.crontabschedule": RAW,
    "django_celery_beat.intervalschedule": RAW,
    "django_celery_beat.periodictask": {**RAW, "disable_tasks": "superuser", "enable_tasks": "superuser"},
    "django_celery_beat.solarschedule": RAW,
    "knox.authtoken": {"view": "administrator", "revoke": "administrator"},
    "sync_sessions.syncinstancerecord": SEEN,
    "sync_sessions.syncsession": {**SEEN, "cancel": "operator"},
}


def may(person, least):
    return PEOPLE.index(person) >= PEOPLE.index(least)


def admin_user(person):
    if person == "anonymous":
        return AnonymousUser()
    if person == "superuser":
        return User.objects.create_superuser("root")
    return user_of(person, is_staff=True)


def actions(person):
    """{app.model: what this person may do with the list}"""
    request = RequestFactory().get("/")
    request.user = admin_user(person)
    return {
        model._meta.label_lower: {"view"} | set(one.get_actions(request))
        for model, one in admin.site._registry.items()
        if one.has_view_or_change_permission(request)
    }


def test_every_action_of_the_admin_is_in_the_table():
    assert {label: set(lines) for label, lines in ADMIN.items()} == actions("superuser")


@pytest.mark.parametrize("person", PEOPLE)
def test_each_action_of_the_admin_is_there_for_who_may_and_nobody_else(person):
    allowed = {
        label: {action for action, least in lines.items() if least in PEOPLE and may(person, least)}
        for label, lines in ADMIN.items()
    }
    assert actions(person) == {label: names for label, names in allowed.items() if names}


@pytest.mark.parametrize("person", PEOPLE)
def test_a_list_of_the_admin_opens_for_who_may_see_it(client, person):
    user = admin_user(person)
    if person != "anonymous":
        client.force_login(user)
    for label, lines in ADMIN.items():
        url = f"/admin/{label.replace('.', '/')}/"
        shown = lines["view"] in PEOPLE and may(person, lines["view"])
        refusal = 302 if person == "anonymous" else 403
        assert client.get(url).status_code == (200 if shown else refusal), url
