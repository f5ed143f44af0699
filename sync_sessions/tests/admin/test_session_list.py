import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from sync_sessions.models import SyncSession
from sync_sessions.services import sync_session_service

from .pages import address

pytestmark = pytest.mark.django_db

URL = reverse("admin:sync_sessions_syncsession_changelist")


def shown(client, **query):
    return client.get(URL, query).content.decode()


def listed(client, **query):
    return [session.lock_key for session in client.get(URL, query).context["cl"].result_list]


def test_a_line_tells_status_progress_kind_and_who(
    admin_client, admin_user, open_session, make_instances, end_records
):
    session = open_session(instances=make_instances(4), created_by=admin_user, scope="database")
    end_records(session, 1, "failed", error_message="odd")
    page = shown(admin_client)
    for text in (
        "Running",
        "1 of 4 (1 failed)",
        'aria-valuenow="25"',
        "Other",
        "Manual, the fleet",
        "admin",
    ):
        assert text in page


def test_a_run_of_selected_instances_is_not_called_one_of_the_fleet(admin_client, open_session):
    session = open_session(details={"selected": 1200})
    for page in (shown(admin_client), admin_client.get(address(session)).content.decode()):
        assert "Manual, 1,200 selected instances" in page
    (line,) = admin_client.get(URL).context["cl"].result_list
    assert line.sync_type == "manual_task"


def test_only_an_aggregation_has_a_scope(admin_client, open_session):
    session = open_session(scope="database")
    own_page = reverse("admin:sync_sessions_syncsession_change", args=[session.pk])
    assert ">–</td>" in re.sub(r"\s*(<[^>]*>)\s*", r"\1", shown(admin_client))
    assert '<dt class="text-xs">Scope</dt>' not in admin_client.get(own_page).content.decode()
    SyncSession.objects.update(sync_category="aggregation")
    assert '<dt class="text-xs">Scope</dt>' in admin_client.get(own_page).content.decode()
    assert ">Databases</td>" in re.sub(r"\s*(<[^>]*>)\s*", r"\1", shown(admin_client))


def test_the_newest_comes_first(admin_client, open_session):
    for key in ("a", "b", "c"):
        open_session(key)
    assert listed(admin_client) == ["c", "b", "a"]


def test_filters_by_status_category_kind_and_scope(admin_client, open_session):
    open_session("running", scope="database")
    sync_session_service.finish_session(open_session("completed"))
    SyncSession.objects.filter(lock_key="completed").update(sync_category="capacity", sync_type="scheduled_task")
    assert listed(admin_client, status__exact="completed") == ["completed"]
    assert listed(admin_client, sync_category__exact="other") == ["running"]
    assert listed(admin_client, sync_type__exact="scheduled_task") == ["completed"]
    assert listed(admin_client, scope__exact="database") == ["running"]


def test_a_day_is_one_of_the_product_from_midnight_to_midnight(admin_client, open_session):
    for key, at in (
        ("before", "2025-06-24T15:59:59Z"),
        ("first", "2025-06-24T16:00:00Z"),
        ("last", "2025-06-25T15:59:59Z"),
        ("after", "2025-06-25T16:00:00Z"),
    ):
        SyncSession.objects.filter(pk=open_session(key).pk).update(created_at=at)
    day = {"created_at_from": "2025-06-25", "created_at_to": "2025-06-25"}
    assert listed(admin_client, **day) == ["last", "first"]
    assert listed(admin_client, created_at_from="2025-06-26") == ["after"]
    for nonsense in ("nonsense", "0001-01-01", "9999-12-31"):
        assert len(listed(admin_client, created_at_from=nonsense, created_at_to=nonsense)) == 4


def test_a_day_is_written_as_the_readers_language_has_it(admin_client, open_session):
    SyncSession.objects.filter(pk=open_session("old").pk).update(created_at="2025-06-25T03:00:00Z")
    open_session("new")
    query = {"created_at_from": "2025/6/25", "created_at_to": "2025/6/25"}
    answer = admin_client.get(URL, query, headers={"accept-language": "zh-hans"})
    assert [session.lock_key for session in answer.context["cl"].result_list] == ["old"]


def test_it_is_searched_by_session_id(admin_client, open_session):
    session, _other = open_session("one"), open_session("other")
    assert listed(admin_client, q=str(session.session_id)) == ["one"]
    assert listed(admin_client, q=str(session.session_id)[:13]) == ["one"]
    assert "No session matches" in shown(admin_client, q="nonsense")


def test_it_is_searched_by_who_started_it(admin_client, admin_user, open_session):
    open_session("mine", created_by=admin_user)
    open_session("nobodys")
    assert listed(admin_client, q=admin_user.username.upper()) == ["mine"]


def test_the_filter_by_day_is_called_as_the_column(admin_client, open_session):
    open_session()
    said = shown(admin_client)
    assert "By started at" in said and "created at" not in said


def test_an_empty_log_says_what_to_do_first(admin_client):
    assert "Nothing has run yet." in shown(admin_client)


def test_the_queries_do_not_grow_with_the_sessions(admin_client, admin_user, open_session):
    counts = []
    for number in range(30):
        sync_session_service.finish_session(open_session(str(number), created_by=admin_user))
        if number in (2, 29):
            with CaptureQueriesContext(connection) as queries:
                shown(admin_client)
            counts.append(len(queries))
    assert counts[0] == counts[1]
