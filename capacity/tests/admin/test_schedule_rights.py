"""Who may do what with schedules."""

import pytest
from django.urls import reverse
from django_celery_beat.models import PeriodicTask

from capacity.tests.schedules import schedule_url, the, typed

pytestmark = pytest.mark.django_db

LIST, ADD = reverse("admin:capacity_schedule_changelist"), reverse("admin:capacity_schedule_add")


VIEW, ADDS, CHANGE, DELETE = (f"{verb}_periodictask" for verb in ("view", "add", "change", "delete"))


def test_who_may_look_sees_the_words_and_no_form(staff_client):
    client = staff_client(VIEW)
    html = client.get(schedule_url(the("aggregate weekly"))).content.decode()
    assert "every Monday at 04:20, Asia/Shanghai" in html
    assert "So it is shown as it is" not in html
    assert 'name="_save"' not in html
    assert "Run now" not in html
    assert "Run now: " not in client.get(LIST).content.decode()
    assert client.post(schedule_url(the("aggregate weekly")), typed()).status_code == 403
    assert client.get(ADD).status_code == 403
    assert client.get(schedule_url(the("collect"), "delete")).status_code == 403
    client.post(LIST, {"action": "disable", "_selected_action": [the("collect").pk]})
    assert the("collect").enabled


@pytest.mark.parametrize("permissions", [(), ("trigger_aggregation",)])
def test_without_the_permissions_of_the_row_there_is_nothing(staff_client, permissions):
    client = staff_client(*permissions)
    for page in (LIST, schedule_url(the("collect")), schedule_url(the("collect"), "run_now"), ADD):
        assert client.get(page).status_code == 403


@pytest.mark.parametrize(
    ("permission", "allowed"),
    [
        (VIEW, (False, False, False)),
        (ADDS, (True, False, False)),
        (CHANGE, (False, True, False)),
        (DELETE, (False, False, True)),
    ],
)
def test_each_permission_allows_its_own(staff_client, permission, allowed):
    client = staff_client(VIEW, permission)
    change = client.post(schedule_url(the("aggregate weekly")), typed(name="WhaleFall: aggregate weekly", at="07:00"))
    answers = client.post(ADD, typed()), change, client.post(schedule_url(the("purge"), "delete"), {"post": "yes"})
    assert tuple(answer.status_code == 302 for answer in answers) == allowed
    assert (
        PeriodicTask.objects.filter(name="ours").exists(),
        the("aggregate weekly").crontab.hour == "7",
        not PeriodicTask.objects.filter(name="WhaleFall: purge").exists(),
    ) == allowed


def test_the_raw_rows_are_for_superusers(staff_client, admin_client):
    raw = reverse("admin:django_celery_beat_periodictask_change", args=[the("fail dead sessions").pk])
    assert f'href="{raw}"' in admin_client.get(schedule_url(the("fail dead sessions"))).content.decode()
    assert admin_client.get(raw).status_code == 200
    client = staff_client(VIEW, ADDS, CHANGE, DELETE)
    assert client.get(raw).status_code == 403
    assert client.get(reverse("admin:django_celery_beat_periodictask_changelist")).status_code == 403
    assert f'href="{raw}"' not in client.get(schedule_url(the("fail dead sessions"))).content.decode()
    html = client.get(LIST).content.decode()
    assert "Crontabs" not in html
    assert f'href="{LIST}"' in html
