"""What can be done to instances from their list: each asks first, and lands where one sees what came of it."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from capacity.models import DatabaseSizeAggregation, Instance, InstanceSizeAggregation
from capacity.tests import servers
from capacity.tests.factories import make_instance
from sync_sessions.choices import SyncCategory, SyncType
from sync_sessions.models import SyncInstanceRecord, SyncSession
from sync_sessions.services import sync_session_service

from .staff import history, logged_in, session_page, told, words

pytestmark = pytest.mark.django_db

URL = reverse("admin:capacity_instance_changelist")
AGGREGATE_FLEET = reverse("admin:capacity_instance_aggregate_fleet")
COLLECT_FLEET = reverse("admin:capacity_instance_collect_fleet")
AGGREGATE, COLLECT, ACTIVATE, DEACTIVATE = "aggregate_current_period", "collect_now", "activate", "deactivate"


def do(client, action, instances, query="", **answers):
    """Posts the action as the list or its question does."""
    data = {"action": action, "_selected_action": [one.pk for one in instances], **answers}
    return client.post(URL + query, data)


@pytest.mark.parametrize(
    ("action", "question"),
    [
        (AGGREGATE, "Aggregate the current day of 2 instances?"),
        (COLLECT, "Measure the databases of 2 instances now?"),
        (ACTIVATE, "Activate 2 instances?"),
        (DEACTIVATE, "Deactivate 2 instances? They will neither be collected nor aggregated; their history stays."),
    ],
)
def test_it_asks_first_and_names_what_is_selected(admin_client, fleet, action, question):
    page = do(admin_client, action, fleet[:2])
    assert page.status_code == 200
    assert f"{question} pg-0, pg-1" in words(page)
    assert not SyncSession.objects.exists()
    assert Instance.objects.active().count() == 3
    assert history() == []


def test_of_many_it_names_the_first_and_how_many_more(admin_client):
    instances = [make_instance(f"pg-{number:02}") for number in range(23)]
    said = words(do(admin_client, DEACTIVATE, instances))
    assert "pg-18, pg-19 and 3 more" in said
    assert "pg-20" not in said


def test_names_that_are_markup_are_shown_as_text(admin_client):
    page = do(admin_client, AGGREGATE, [make_instance("<img src=x onerror=alert(1)>")])
    assert "<img src=x" not in page.content.decode()


def test_the_answer_to_the_question_runs_what_was_selected(admin_client, fleet):
    page = do(admin_client, AGGREGATE, fleet[:2]).content.decode()
    answer = {"scope": "instance"}
    for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="(\w*)">', page):
        answer.setdefault(name, []).append(value)
    landed = admin_client.post(URL, answer)
    session = SyncSession.objects.get()
    assert landed.url == session_page(session)
    assert (session.scope, session.status) == ("instance", "completed")
    assert set(InstanceSizeAggregation.objects.values_list("instance__name", flat=True)) == {"pg-0", "pg-1"}


def test_it_runs_all_of_a_search_that_are_on_no_page(admin_client, fleet):
    make_instance("other")
    answer = do(admin_client, AGGREGATE, fleet[:1], "?q=pg-", select_across="1")
    assert "Aggregate the current day of 3 instances? pg-0, pg-1, pg-2" in words(answer)
    assert 'name="select_across" value="1"' in answer.content.decode()
    do(admin_client, AGGREGATE, fleet[:1], "?q=pg-", select_across="1", scope="all")
    assert set(SyncInstanceRecord.objects.values_list("instance_name", flat=True)) == {"pg-0", "pg-1", "pg-2"}


def test_it_lands_on_the_finished_session_with_a_message(operator, fleet):
    answer = do(operator, AGGREGATE, fleet[:2], scope="all")
    session = SyncSession.objects.get()
    assert (answer.status_code, answer.url) == (302, session_page(session))
    [(level, text)] = told(answer)
    assert (level, session.status) == ("success", "completed")
    assert "2 of 2 instances aggregated, 0 skipped, 0 failed." in text
    assert session_page(session) in text
    assert history() == [(str(session.pk), "Started by hand from the list of instances: 2 selected.")]


def test_who_may_not_see_sessions_stays_on_the_list(fleet):
    client = logged_in("view_instance", "trigger_aggregation")
    answer = do(client, AGGREGATE, fleet[:1], scope="all")
    assert answer.url == URL
    [(level, text)] = told(answer)
    assert (level, "syncsession" in text) == ("success", False)
    assert SyncSession.objects.get().status == "completed"


def test_with_a_broker_it_queues_and_lands_on_the_waiting_session(operator, fleet, queued):
    answer = do(operator, AGGREGATE, fleet[:2], scope="database")
    session = SyncSession.objects.get()
    assert queued == [("capacity.aggregate_current", str(session.session_id))]
    assert (answer.url, session.status, session.scope) == (session_page(session), "pending", "database")
    # No link to the page that one is on, and no green that outlives a failure.
    assert told(answer) == [("info", "The run was queued.")]
    assert not DatabaseSizeAggregation.objects.exists()
    assert len(history()) == 1


def test_a_broker_that_is_down_is_a_sentence_with_the_failed_session(operator, fleet, broker_down):
    answer = do(operator, AGGREGATE, fleet, scope="all")
    session = SyncSession.objects.get()
    [(level, text)] = told(answer)
    assert (level, answer.url, session.status) == ("error", session_page(session), "failed")
    assert text.startswith("The queue does not answer, so nothing was started: check that Redis runs, then try again.")
    assert f'href="{session_page(session)}"' in text
    assert len(history()) == 1


def test_a_run_under_way_is_linked_and_one_stays_on_the_list(operator, fleet):
    running = sync_session_service.create_session(
        sync_type=SyncType.MANUAL_TASK, sync_category=SyncCategory.AGGREGATION, lock_key="aggregation:daily"
    )
    for answer in (do(operator, AGGREGATE, fleet, scope="all"), operator.post(AGGREGATE_FLEET, {"scope": "all"})):
        (level, text) = told(answer)[-1]
        assert (answer.url, level) == (URL, "warning")
        assert f'href="{session_page(running)}"' in text
    assert (SyncSession.objects.count(), history()) == (1, [])


def test_a_scope_that_is_none_is_refused_with_a_sentence(operator, fleet):
    answer = do(operator, AGGREGATE, fleet, scope="everything")
    assert told(answer) == [("error", "scope must be one of instance, database, all")]
    assert not SyncSession.objects.exists()


def test_cancel_leads_back_to_the_search(admin_client, fleet):
    assert f'href="{URL}?q=pg-"' in do(admin_client, COLLECT, fleet, "?q=pg-").content.decode()
    assert f'href="{URL}"' in admin_client.get(COLLECT_FLEET).content.decode()


def test_a_link_alone_starts_nothing(operator, fleet):
    operator.get(URL, {"action": AGGREGATE, "_selected_action": fleet[0].pk, "scope": "all"})
    operator.get(AGGREGATE_FLEET, {"scope": "all", "confirmed": "yes"})
    operator.get(COLLECT_FLEET, {"confirmed": "yes"})
    assert not SyncSession.objects.exists()


def test_collecting_skips_what_has_no_host_and_says_why(operator, fleet):
    answer = do(operator, COLLECT, fleet[:1], confirmed="yes")
    session = SyncSession.objects.get()
    assert (answer.url, session.sync_category, session.sync_type) == (
        session_page(session),
        "capacity",
        "manual_single",
    )
    [(_level, text)] = told(answer)
    assert "0 of 1 instance collected, 0 failed, 1 skipped. pg-0: The instance has no host" in text
    assert len(history()) == 1


@pytest.mark.live
def test_collecting_measures_the_selected_ones_in_the_request(operator):
    server = {"host": servers.HOST, "port": servers.POSTGRESQL_PORT, "username": "postgres"}
    up, down = make_instance("up", **server), make_instance("down", **{**server, "port": servers.closed_port()})
    make_instance("not selected", **server)
    answer = do(operator, COLLECT, [up, down], confirmed="yes")
    [(level, text)] = told(answer)
    assert level == "error"
    assert "1 of 2 instances collected, 1 failed, 0 skipped. down: Port" in text
    assert up.samples.exists()
    assert list(SyncInstanceRecord.objects.order_by("pk").values_list("instance_name", "status")) == [
        ("up", "completed"),
        ("down", "failed"),
    ]


def test_with_a_broker_the_selected_ones_are_handed_to_workers(operator, fleet, queued):
    answer = do(operator, COLLECT, fleet[:2], confirmed="yes")
    session = SyncSession.objects.get()
    assert queued == [("capacity.collect_capacity_batch", str(session.session_id), [one.pk for one in fleet[:2]])]
    assert (answer.url, session.status, session.sync_type) == (session_page(session), "pending", "manual_batch")
    assert session.created_by is not None


def test_deactivating_and_activating_are_in_the_history_of_each(admin_client, fleet):
    answer = do(admin_client, DEACTIVATE, fleet[:2], confirmed="yes")
    assert told(answer) == [("success", "2 instances deactivated.")]
    assert set(Instance.objects.active()) == {fleet[2]}
    answer = do(admin_client, ACTIVATE, fleet, confirmed="yes")
    assert told(answer)[-1] == ("success", "2 instances activated.")
    assert Instance.objects.active().count() == 3
    assert history() == [(str(one.pk), "Changed Active.") for one in (*fleet[:2], *fleet[:2])]


def test_one_is_told_in_the_singular(admin_client, fleet):
    answer = do(admin_client, DEACTIVATE, fleet[:1], confirmed="yes")
    assert told(answer) == [("success", "1 instance deactivated.")]


def test_it_costs_the_same_for_three_and_for_sixty(admin_client, fleet):
    def cost(instances):
        with CaptureQueriesContext(connection) as queries:
            do(admin_client, DEACTIVATE, instances, confirmed="yes")
        return len(queries)

    few = cost(fleet)
    many = [make_instance() for _number in range(60)]
    assert cost(many) == few


@pytest.mark.parametrize(
    ("permissions", "refused"),
    [
        (["view_instance"], [AGGREGATE, COLLECT, ACTIVATE, DEACTIVATE]),
        (["view_instance", "trigger_aggregation"], [ACTIVATE, DEACTIVATE]),
        (["view_instance", "change_instance"], [AGGREGATE, COLLECT]),
    ],
    ids=["viewer", "operator", "editor"],
)
def test_each_needs_its_permission(fleet, permissions, refused):
    client = logged_in(*permissions)
    page = client.get(URL).content.decode()
    for action in (AGGREGATE, COLLECT, ACTIVATE, DEACTIVATE):
        assert (f'value="{action}"' in page) == (action not in refused)
    for action in refused:
        do(client, action, fleet, scope="all", confirmed="yes")
    assert not SyncSession.objects.exists()
    assert Instance.objects.active().count() == 3
