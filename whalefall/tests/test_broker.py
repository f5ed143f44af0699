import pytest
from kombu import Connection, Queue
from redis import Redis
from structlog.testing import capture_logs

from whalefall.celery import app
from whalefall.tests.brokers import redis_database

pytestmark = pytest.mark.unit

GARBAGE = ["no JSON", "\xff\xfe", "{", "[]", "5", "null", "{}", '{"body": "x"}', '{"properties": {}, "body": "x"}']


def test_what_is_no_message_is_logged_and_dropped_and_the_next_one_comes():
    got = []
    with redis_database() as url, app.connection_for_read(url) as connection, capture_logs() as logs:
        queue = Queue("celery")
        with connection.Consumer(queue, callbacks=[lambda body, message: got.append(body)], no_ack=True):
            Redis.from_url(url).lpush("celery", *GARBAGE)
            with Connection(url) as sender:
                sender.Producer().publish({"a": 1}, routing_key="celery", exchange="")
            while not got:
                connection.drain_events(timeout=5)
        assert Redis.from_url(url).llen("celery") == 0
    assert got == [{"a": 1}]
    assert [line["event"] for line in logs] == ["broker.no_message"] * len(GARBAGE)
