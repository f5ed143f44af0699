"""Redis for tests: a database of the server of TEST_REDIS_URL that no other run of the tests uses meanwhile."""

import os
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from redis import Redis

from whalefall.tests.needs import REDIS_URL, require

CLAIM = "whalefall:tests:in-use"
OURS = "whalefall:tests"  #: left behind by a run that was killed: its database may be emptied


@contextmanager
def redis_database():
    """Gives the URL of an empty database, which is emptied again afterwards."""
    require("Redis")
    server = urlsplit(REDIS_URL)
    for number in range(15, 5, -1):
        url = server._replace(path=f"/{number}").geturl()
        with Redis.from_url(url) as client:
            if not client.set(CLAIM, os.getpid(), nx=True, ex=900):
                continue
            if client.dbsize() > 1 and not client.exists(OURS):
                client.delete(CLAIM)
                continue
            for key in client.scan_iter():
                if key != CLAIM.encode():
                    client.delete(key)
            client.set(OURS, "")
            try:
                yield url
            finally:
                client.flushdb()
            return
    pytest.fail("No database of the Redis is free: the tests use none that holds anything of others.")
