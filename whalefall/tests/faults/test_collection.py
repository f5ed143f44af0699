"""A collection that workers share, and one of them killed."""

import pytest

from capacity.models import DatabaseSizeStat, Instance
from capacity.tests.servers import HOST, POSTGRESQL_PORT
from sync_sessions.models import SyncSession

from .fleet import statuses
from .stack import wait_until

pytestmark = [
    pytest.mark.faults,
    pytest.mark.live,
    pytest.mark.postgresql,
    pytest.mark.django_db(transaction=True),
]


def test_a_batch_whose_process_is_killed_is_taken_up_in_its_session(stack, tally):
    where = {"db_type": "postgresql", "host": HOST, "port": POSTGRESQL_PORT, "username": "postgres"}
    fleet = [Instance.objects.create(name=f"server-{n}", **where) for n in range(3)]
    stack.worker(celery={"task_annotations": {}}, WHALEFALL_SESSION_LEASE=9)
    killed = stack.order("measured", "server-1", "kill")
    stack.send("capacity.collect_capacity")
    wait_until(killed.exists, what="the second server")
    tally.add("child killed while it collects")
    wait_until(lambda: stack.redis.waiting() == 0, 60, "the end of the batch", stable=1)

    session = SyncSession.objects.get()
    assert (session.status, session.error_code) == ("completed", "")
    assert statuses(session) == [("completed", "")] * 3
    assert set(DatabaseSizeStat.objects.values_list("instance", flat=True)) == {one.pk for one in fleet}
    assert not SyncSession.objects.open().exists()
