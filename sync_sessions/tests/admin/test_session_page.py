"""The page of a session: what was asked for, and the table of what became of each instance."""

import re
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from sync_sessions.models import SyncInstanceRecord
from sync_sessions.services import sync_session_service

from .pages import address

pytestmark = pytest.mark.django_db

HOSTILE = "<img src=x onerror=alert(1)>"


def shown(client, session, **query):
    return client.get(address(session), query).content.decode()


def names(page):
    return re.findall(r"fleet-\d+", page)


def test_the_address_by_key_and_by_session_id_is_the_same_page(admin_client, open_session):
    session = open_session()
    by_id = reverse("admin:sync_sessions_syncsession_change", args=[session.session_id])
    assert str(session.session_id) in shown(admin_client, session)
    assert str(session.session_id) in admin_client.get(by_id).content.decode()
    unknown = reverse("admin:sync_sessions_syncsession_change", args=[uuid.uuid4()])
    assert admin_client.get(unknown).status_code == 302


def test_it_says_what_was_asked_for_and_by_whom(admin_client, admin_user, open_session):
    first = open_session("first")
    days = {"period_start": "2025-06-23", "period_end": "2025-06-29"}
    session = open_session(created_by=admin_user, details={**days, "retry_of": str(first.session_id)})
    page = shown(admin_client, session)
    assert "June\u00a023,\u00a02025 – June\u00a029,\u00a02025" in page
    assert f'<a class="text-link" href="{address(first)}">{first.session_id}</a>' in page
    assert ">admin</dd>" in page
    assert "a schedule or a command" in shown(admin_client, first)


def test_fifty_records_are_a_page(admin_client, open_session, make_instances):
    session = open_session(instances=make_instances(120))
    first, last = (names(shown(admin_client, session, page=number)) for number in (1, 3))
    assert first == [f"fleet-{number:03}" for number in range(50)]
    assert last == [f"fleet-{number:03}" for number in range(100, 120)]
    assert "Page 1 of 3" in shown(admin_client, session)
    for number in ("99", "-1", "two"):
        assert shown(admin_client, session, page=number).count("Page ")  # the nearest one, never an error


def test_the_filter_counts_each_status_and_shows_one(admin_client, open_session, make_instances, end_records):
    session = open_session(instances=make_instances(6))
    end_records(session, 3)
    end_records(session, 2, "failed", error_code="odd", error_message="odd")
    page = shown(admin_client, session, status="failed")
    assert names(page) == ["fleet-003", "fleet-004"]
    for link in ("All (6)", "Completed (3)", "Failed (2)", "Pending (1)"):
        assert link in page
    assert "Skipped (" not in page
    assert f'href="{address(session)}?status=failed#records" aria-current="true"' in page
    assert names(shown(admin_client, session, status="failed", reason="odd")) == ["fleet-003", "fleet-004"]


@pytest.mark.parametrize(
    "asked", [{"status": "nonsense"}, {"reason": "gone"}, {"status": "completed", "reason": "odd"}]
)
def test_what_no_record_has_is_told_and_not_left_out(admin_client, open_session, make_instances, end_records, asked):
    session = open_session(instances=make_instances(3))
    end_records(session, 1)
    end_records(session, 1, "failed", error_code="odd", error_message="odd")
    page = shown(admin_client, session, **asked)
    assert names(page) == []
    assert "No record is of this kind." in page


def test_an_odd_word_in_the_address_breaks_no_table(admin_client, open_session, make_instances):
    page = shown(admin_client, open_session(instances=make_instances(1)), status='"\x00&page=', reason="\x00")
    assert "No record is of this kind." in page


def test_the_table_alone_is_what_the_page_has(admin_client, open_session, make_instances, end_records):
    session = open_session(instances=make_instances(3))
    end_records(session, 1, "failed", error_code="odd", error_message="odd")
    table = admin_client.get(address(session, "records"), {"status": "failed", "page": 1}).content.decode()
    assert names(table) == ["fleet-000"]
    assert table.strip() in shown(admin_client, session, status="failed")


def test_a_record_shows_its_numbers_reason_and_details(admin_client, open_session, make_instances, end_records):
    session = open_session(instances=make_instances(1))
    end_records(
        session, 1, "failed", items_synced=30, items_created=28, items_updated=2,
        error_code="odd", error_message="it is odd", sync_details={"version": 1, "server_age": 12, "empty": None},
    )  # fmt: skip
    record = session.records.get()
    own_page = admin_client.get(reverse("admin:sync_sessions_syncinstancerecord_change", args=[record.pk]))
    for page in (shown(admin_client, session), own_page.content.decode()):
        for text in ("It is odd", "<dt>Server age</dt>", ">12</dd>", "30", "28"):
            assert text in page
        assert "Version" not in page and "Empty" not in page
    assert f'href="{address(session)}"' in own_page.content.decode()


def test_an_instance_is_a_link_for_who_may_see_it(staff_client, open_session, make_instances):
    session = open_session(instances=make_instances(1))
    link = reverse("admin:capacity_instance_change", args=[session.records.get().instance_id])
    client = staff_client("view_syncsession", "view_syncinstancerecord")
    assert "fleet-000" in shown(client, session)
    assert link not in shown(client, session)


def test_an_instance_that_is_gone_keeps_its_name_without_a_link(admin_client, open_session, make_instances):
    session = open_session(instances=make_instances(1))
    link = reverse("admin:capacity_instance_change", args=[session.records.get().instance_id])
    assert link in shown(admin_client, session)
    session.records.update(instance=None)
    page = shown(admin_client, session)
    assert "fleet-000" in page and link not in page


def test_records_are_for_who_may_see_them(staff_client, open_session, make_instances):
    session = open_session(instances=make_instances(1))
    client = staff_client("view_syncsession")
    assert "0 of 1" in shown(client, session)
    assert "fleet-000" not in shown(client, session)
    assert client.get(address(session, "records")).status_code == 404


def test_names_that_are_markup_are_shown_as_text(admin_client, open_session, make_instances, end_records):
    session = open_session(instances=make_instances(1), task_id=HOSTILE, details={HOSTILE: HOSTILE})
    end_records(session, 1, "failed", error_message=HOSTILE, sync_details={HOSTILE: {HOSTILE: [HOSTILE]}})
    SyncInstanceRecord.objects.update(instance_name=HOSTILE)
    record = SyncInstanceRecord.objects.get()
    pages = [
        address(session),
        address(session, "records"),
        reverse("admin:sync_sessions_syncinstancerecord_change", args=[record.pk]),
        reverse("admin:sync_sessions_syncinstancerecord_changelist"),
    ]
    for url in pages:
        page = admin_client.get(url).content.decode()
        assert "&lt;img src=x" in page
        assert "<img src=x" not in page


@pytest.mark.parametrize("name", ["change", "live", "records"])
def test_the_queries_do_not_grow_with_the_records(admin_client, open_session, make_instances, end_records, name):
    fleet = make_instances(2000)
    few, many = open_session("few", fleet[:10]), open_session("many", fleet)
    for session in (few, many):
        end_records(session, len(session.records.all()) // 2, "failed", error_message="odd")
        sync_session_service.finish_session(session)
    counts = []
    for session in (few, many):
        with CaptureQueriesContext(connection) as queries:
            assert admin_client.get(address(session, name)).status_code in (200, 286)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 12
