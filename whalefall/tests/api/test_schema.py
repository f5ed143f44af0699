"""The schema's own page; whether it is true is what test_fuzzing asks."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from django.test import RequestFactory
from drf_spectacular.generators import SchemaGenerator

from whalefall.schema_view import SchemaView


def test_it_is_made_by_one_thread_at_a_time(monkeypatch):
    counting, now, most = Lock(), 0, 0

    def get_schema(self, **kwargs):
        nonlocal now, most
        with counting:
            now += 1
            most = max(most, now)
        time.sleep(0.02)
        with counting:
            now -= 1
        return {"openapi": "3.1.0"}

    monkeypatch.setattr(SchemaGenerator, "get_schema", get_schema)
    ask = SchemaView.as_view()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: ask(RequestFactory().get("/api/v1/schema/")), range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert most == 1
