"""A fleet that can be measured, and the batches of a collection of it."""

import pytest

from capacity.collection import service
from capacity.collection.service import CollectionService
from capacity.tests.factories import make_instance
from capacity.tests.servers import HOST, POSTGRESQL_PORT


@pytest.fixture(autouse=True)
def _batches_of_two(monkeypatch):
    monkeypatch.setattr(service, "BATCH", 2)


@pytest.fixture
def fleet():
    """Five instances that can be measured."""
    return [make_instance(f"pg-{n}", host=HOST, port=POSTGRESQL_PORT, username="postgres") for n in range(5)]


@pytest.fixture
def batches(fleet):
    """The three batches of a started session, as queued: [session id, instance ids]."""
    queue = []
    CollectionService().start(lambda *batch: queue.append(batch), sync_type="scheduled_task")
    return queue
