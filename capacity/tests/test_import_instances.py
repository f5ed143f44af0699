"""The inventory from a CSV file: all or nothing, by the command and in the admin, which shows first what changes."""

import json
from io import BytesIO, StringIO

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils.html import escape

from capacity.models import Instance, Tag
from capacity.tests.admin.staff import logged_in, told, words
from capacity.tests.factories import make_instance

pytestmark = pytest.mark.django_db

PAGE = reverse("admin:capacity_instance_import_file")
TWO = (
    "name,db_type,host,port,database_name,username,password_env,description,is_active,tags\n"
    'erp,postgresql,db1,5433,postgres,whalefall,ERP_PASSWORD,Für alle,yes,"team:billing,core"\n'
    "shop,MySQL,db2,,,,,,no,\n"
)


@pytest.fixture
def run(tmp_path):
    """Imports a text; gives what was printed, what was printed as errors, and the error it ended with."""

    def import_instances(text, *arguments):
        file = tmp_path / "instances.csv"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        out, err, failure = StringIO(), StringIO(), ""
        try:
            call_command("import_instances", str(file), *arguments, stdout=out, stderr=err)
        except CommandError as error:
            failure = str(error)
        return out.getvalue().splitlines(), err.getvalue().splitlines(), failure

    return import_instances


def rows():
    columns = ("name", "db_type", "host", "port", "database_name", "username", "description", "is_active")
    return [
        (*(getattr(one, column) for column in columns), sorted(tag.name for tag in one.tags.all()))
        for one in Instance.objects.order_by("name")
    ]


def test_new_instances_are_created_with_password_and_tags(run, monkeypatch):
    monkeypatch.setenv("ERP_PASSWORD", " s3cret ")
    printed, _errors, failure = run(TWO)
    assert failure == ""
    assert rows() == [
        ("erp", "postgresql", "db1", 5433, "postgres", "whalefall", "Für alle", True, ["core", "team:billing"]),
        ("shop", "mysql", "db2", None, "", "", "", False, []),
    ]
    assert Instance.objects.get(name="erp").password == " s3cret "
    assert printed[-1] == "New: 2. Changed: 0. As they were: 0."
    assert "s3cret" not in "".join(printed)
    assert LogEntry.objects.count() == 2


def test_a_second_import_changes_nothing(run, monkeypatch):
    monkeypatch.setenv("ERP_PASSWORD", "s3cret")
    run(TWO)
    before = list(Instance.objects.order_by("pk").values())
    assert run(TWO)[0] == ["New: 0. Changed: 0. As they were: 2."]
    assert list(Instance.objects.order_by("pk").values()) == before


def test_columns_that_are_not_there_leave_their_fields_and_empty_cells_empty_them(run):
    one = make_instance("erp", host="db1", port=5433, description="old", tags=["a", "b"])
    printed, *_ = run("name;description;tags\nerp;;b,c\n")
    assert printed == [
        "changed  erp  description: old → –, tags: a, b → b, c",
        "New: 0. Changed: 1. As they were: 0.",
    ]
    one.refresh_from_db()
    assert (one.host, one.port, one.description) == ("db1", 5433, "")
    assert sorted(one.tags.values_list("name", flat=True)) == ["b", "c"]


def test_a_dry_run_says_what_would_change_and_writes_nothing(run, monkeypatch):
    monkeypatch.setenv("ERP_PASSWORD", "s3cret")
    printed, *_ = run(TWO, "--dry-run")
    assert printed[-1] == "Nothing was written: New: 2. Changed: 0. As they were: 0."
    assert printed[0].startswith("new  erp  db_type: – → postgresql, host: – → db1, port: – → 5433")
    assert "s3cret" not in "".join(printed)
    assert not Instance.objects.exists() and not Tag.objects.exists()


def test_one_error_refuses_all_and_every_error_is_told_with_its_line(run):
    make_instance("there", host="db1", username="u", password="s3cret")
    text = (
        "name,db_type,host,port,password_env,is_active,tags\n"
        "good,oracle,,,,,\n"
        "bad,db2,h/x,99999,NOT_SET,perhaps,a b:c:d\n"
        "good,oracle,,,,,\n"
        "\n"
        "there,postgresql,elsewhere,,,,\n"
        "short,oracle\n"
        ",oracle,,,,,\n"
        "fresh,,,,,,\n"
    )
    _printed, errors, failure = run(text)
    assert failure == "Nothing is imported: the file has 11 errors."
    assert [error.partition(":")[0] for error in errors] == [
        "line 3, db_type",
        "line 3, host",
        "line 3, is_active",
        "line 3, password_env",
        "line 3, port",
        "line 3, tags",
        "line 4, name",
        "line 6, password_env",
        "line 7",
        "line 8, name",
        "line 9, db_type",
    ]
    assert [one[0] for one in rows()] == ["there"]
    assert Instance.objects.get().host == "db1"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "The file is empty"),
        ("host\ndb1\n", "it has no column name"),
        ("name,colour\n", "it has an unknown column 'colour'"),
    ],
)
def test_a_file_that_cannot_be_used_is_a_sentence(run, text, reason):
    assert reason in run(text)[2]


def test_errors_as_json_have_line_and_column(run):
    printed, errors, failure = run("name,db_type,port\na,oracle,x\n", "--json")
    assert json.loads(printed[0])["errors"] == [
        {"line": 2, "column": "port", "detail": "'x' is no port from 1 to 65535."}
    ]
    assert failure and not errors


def upload(client, text):
    file = BytesIO(text.encode())
    file.name = "instances.csv"
    return client.post(PAGE, {"file": file})


def test_the_admin_shows_what_changes_and_writes_it_when_it_is_told_to(admin_client):
    make_instance("erp", host="db1", description="old")
    text = "name,db_type,host,description\nerp,postgresql,db1,new & fine\nshop,mysql,db2,\n"
    shown = upload(admin_client, text)
    said = words(shown)
    assert "New: 1. Changed: 1. As they were: 0. Nothing is written yet." in said
    assert "erp description old new & fine" in said
    assert "shop ( new ) host – db2" in said or "shop (new) host – db2" in said
    assert Instance.objects.get().description == "old"
    assert escape(text) in shown.content.decode()

    answer = admin_client.post(PAGE, {"text": text})
    assert told(answer) == [("success", "New: 1. Changed: 1. As they were: 0.")]
    assert [(one[0], one[2], one[6]) for one in rows()] == [("erp", "db1", "new & fine"), ("shop", "db2", "")]


def test_the_admin_takes_no_passwords_of_the_servers_environment(admin_client, monkeypatch):
    monkeypatch.setenv("SECRET_OF_THE_SITE", "s3cret")
    text = "name,db_type,password_env\nerp,postgresql,SECRET_OF_THE_SITE\n"
    for answer in (upload(admin_client, text), admin_client.post(PAGE, {"text": text})):
        assert "Line 2, password_env: Passwords are set by the command import_instances or in the form." in words(
            answer
        )
    assert not Instance.objects.exists()


def test_importing_is_for_those_who_may_add_and_change():
    for rights in (["view_instance"], ["view_instance", "add_instance"], ["view_instance", "change_instance"]):
        assert logged_in(*rights).post(PAGE, {"text": "name,db_type\na,oracle\n"}).status_code == 403
    assert not Instance.objects.exists()
