"""Prometheus sources and mappings in the admin: what a mapping would do is seen before it is saved."""

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from capacity.models import PrometheusMapping, PrometheusSource
from capacity.tests.factories import make_instance
from capacity.tests.sources.prometheus import answering, make_mapping, make_source, vector

from .staff import logged_in, told, words

pytestmark = pytest.mark.django_db

ADD = reverse("admin:capacity_prometheussource_add")
SOURCE_PREVIEW = reverse("admin:capacity_prometheussource_preview_new")
MAPPING_PREVIEW = reverse("admin:capacity_prometheusmapping_preview_new")


def source_form(**changes):
    fields = {"name": "prom", "url": "http://prometheus:9090", "auth": "none", "username": "", "secret": ""}
    return {**fields, "tenant_header": "X-Scope-OrgID", "tenant": "", "tls_ca": "", "is_active": "on", **changes}


def mapping_form(source, **changes):
    fields = {"source": source.pk, "name": "new", "db_type": "postgresql", "kind": "size", "query": "x"}
    return {**fields, "instance_label": "instance", "database_label": "datname", "factor": 1, **changes}


def of(source, what):
    return reverse(f"admin:capacity_prometheussource_{what}", args=[source.pk])


def test_the_preview_of_a_mapping_names_instances_and_those_that_are_none(admin_client):
    make_instance("pg", host="db1", port=5433)
    series = [{"instance": "db1:5433", "datname": "erp"}, {"instance": "<b>:9187", "datname": "erp"}]
    with answering(vector(*series, *[{"instance": "pg", "datname": f"d{number}"} for number in range(23)])) as (
        url,
        _,
    ):
        answer = admin_client.post(MAPPING_PREVIEW, mapping_form(make_source(url), factor=1024))
    said = words(answer)
    assert "No instance of this engine, or no database: <b>:9187" in said
    assert "db1:5433 pg erp 100.0 KiB" in said
    assert "<b>:9187 – erp 100.0 KiB" in said
    assert "pg pg d17" in said and "d18" not in said
    assert "and 5 more series" in said
    assert "<b>" not in answer.content.decode()
    assert not PrometheusMapping.objects.exists()


def test_the_preview_of_a_source_is_of_the_ready_mappings_and_its_own(admin_client):
    with answering(vector({"instance": "pg", "datname": "erp"})) as (url, asked):
        source = make_source("http://elsewhere:1", name="stored")
        make_mapping(source, name="own", query="y")
        form = source_form(url=url, ready=["postgres"], auth="bearer", secret="s3cret")
        said = words(admin_client.post(of(source, "preview"), form))
    assert "postgres_exporter" in said and "own" in said
    assert len(asked) == 2 and all("Authorization: Bearer s3cret" in one for one in asked)
    assert PrometheusSource.objects.get().url == "http://elsewhere:1"


def test_a_source_is_saved_with_the_ready_mappings_and_its_secret_is_never_shown(admin_client):
    answer = admin_client.post(ADD, source_form(secret="s3cret", auth="bearer", ready=["mysqld", "node_mysql"]))
    source = PrometheusSource.objects.get()
    assert told(answer)[0] == ("success", "3 mappings added.")
    assert sorted(source.mappings.values_list("name", flat=True)) == [
        "mysqld_exporter",
        "node mysql free",
        "node mysql volume",
    ]
    assert source.secret == "s3cret"
    page = admin_client.get(of(source, "change")).content.decode()
    assert "s3cret" not in page + str(list(LogEntry.objects.values()))
    looking = logged_in("view_prometheussource").get(of(source, "change")).content.decode()
    assert "s3cret" not in looking and "http://prometheus:9090" in looking


def test_the_secret_stays_but_is_sent_to_no_other_server(admin_client):
    source = make_source("http://prometheus:9090", auth="bearer", secret="s3cret")
    admin_client.post(of(source, "change"), source_form(auth="bearer", url="http://prometheus:9090/deeper"))
    assert PrometheusSource.objects.get().secret == "s3cret"
    with answering(vector()) as (url, asked):
        make_mapping(source)
        form = source_form(auth="bearer", url=url)
        said = words(admin_client.post(of(source, "preview"), form))
        page = words(admin_client.post(of(source, "change"), form))
    assert not asked
    assert "The server has changed: type the password or token again." in said
    assert "The server has changed: type the password or token again." in page


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://169.254.169.254/", "169.254.169.254"),
        ("prometheus:9090", "Give a whole address"),
        ("http://p/api/v1/query", "Give what stands before /api/v1"),
    ],
)
def test_an_address_that_is_none_is_refused(admin_client, url, sentence):
    assert sentence in words(admin_client.post(ADD, source_form(url=url)))
    assert not PrometheusSource.objects.exists()


def test_a_mapping_of_sizes_needs_a_database_label(admin_client):
    form = mapping_form(make_source("http://p"), database_label="")
    page = words(admin_client.post(reverse("admin:capacity_prometheusmapping_add"), form))
    assert "Sizes need one: which database a series is about." in page


def test_what_cannot_be_read_is_a_sentence(admin_client):
    source = make_source("http://127.0.0.1:1")
    assert "127.0.0.1:1 gives no answer" in words(admin_client.post(MAPPING_PREVIEW, mapping_form(source)))


@pytest.mark.parametrize("permissions", [(), ("view_prometheussource",), ("view_instance", "change_instance")])
def test_a_preview_is_for_those_who_may_save(permissions):
    assert logged_in(*permissions).post(SOURCE_PREVIEW, source_form()).status_code == 403
    assert logged_in(*permissions, "view_syncsession").get(ADD).status_code == 403


def test_the_pages_show_the_button(admin_client):
    source = make_source("http://p")
    make_mapping(source)
    for page in (of(source, "change"), reverse("admin:capacity_prometheusmapping_add")):
        assert "Preview" in words(admin_client.get(page))
    for name in ("source", "mapping"):
        assert admin_client.get(reverse(f"admin:capacity_prometheus{name}_changelist")).status_code == 200
