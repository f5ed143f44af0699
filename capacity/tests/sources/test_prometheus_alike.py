"""Thanos, VictoriaMetrics and Mimir, which speak the API of Prometheus and say a little more: in the form that their
documentation gives, as none of them is in Debian."""

from urllib.parse import parse_qs

import pytest

from capacity.collection.service import CollectionService
from capacity.models import DatabaseSizeStat
from capacity.tests.factories import make_instance
from sync_sessions.models import SyncInstanceRecord

from .prometheus import answering, make_mapping, make_source, vector

pytestmark = pytest.mark.django_db

ERP = {"instance": "pg", "datname": "erp"}
VICTORIA_METRICS = {**vector(ERP), "isPartial": False, "stats": {"seriesFetched": "1", "executionTimeMsec": 2}}
THANOS = {**vector(ERP), "warnings": ["No StoreAPIs matched for this query"]}
STORE_DOWN = {
    "status": "error",
    "errorType": "execution",
    "error": "expanding series: proxy Series(): rpc error: code = Unavailable desc = connection refused",
}
NODE_DOWN = {
    "status": "error",
    "errorType": "503",
    "error": "cannot fetch data from vmstorage nodes",
}


def collected(body, path="", status="200 OK"):
    """The first request for a collection from a server that answers like this, and its record."""
    make_instance("pg")
    with answering(body, status=status) as (url, asked):
        make_mapping(make_source(url + path))
        CollectionService().collect()
    return asked[0], SyncInstanceRecord.objects.get()


def stored():
    return list(DatabaseSizeStat.objects.values_list("database_name", "size_bytes"))


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (VICTORIA_METRICS, "/select/0/prometheus"),
        (VICTORIA_METRICS, "/select/7:1/prometheus/"),
        (vector(ERP), "/prometheus"),
        (THANOS, ""),
    ],
    ids=["VictoriaMetrics cluster", "with a project", "VictoriaMetrics, Mimir", "Thanos"],
)
def test_what_they_say_beside_the_series_does_not_matter(body, path):
    request, record = collected(body, path)

    assert request.startswith(f"POST {path.rstrip('/')}/api/v1/query HTTP/1.1\r\n")
    assert (record.status, stored()) == ("completed", [("erp", 100)])


def test_they_are_asked_for_the_whole_or_nothing():
    request, _record = collected(THANOS)

    asked = parse_qs(request.partition("\r\n\r\n")[2])
    assert (asked["partial_response"], asked["deny_partial_response"]) == (["false"], ["1"])


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        (STORE_DOWN, "422 Unprocessable Entity", "prom cannot answer the query: expanding series: proxy Series()"),
        (NODE_DOWN, "503 Service Unavailable", "prom cannot answer the query: cannot fetch data from vmstorage"),
        ({**VICTORIA_METRICS, "isPartial": True}, "200 OK", "prom has a part of its data only"),
    ],
    ids=["Thanos", "VictoriaMetrics", "one that answers all the same"],
)
def test_while_a_store_is_down_nothing_is_stored_and_the_record_says_why(body, status, sentence):
    _request, record = collected(body, status=status)

    assert (record.status, record.error_code, stored()) == ("failed", "prometheus_query", [])
    assert sentence in record.error_message
