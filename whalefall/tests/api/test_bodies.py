"""What is no JSON, or more of it than anybody needs, is a 4xx at every address that takes a body."""

import json
import uuid
from io import BytesIO

import pytest
from drf_spectacular.generators import SchemaGenerator

from capacity.tests.factories import make_instance
from sync_sessions.models import SyncSession
from whalefall.api.parsers import BodyTooLarge, BoundedJSONParser

pytestmark = pytest.mark.django_db

CURRENT = "/api/v1/capacity/aggregations/current/"
JSON = "application/json"

REFUSED = {
    "half": (b"{", "The body is no JSON: Expecting property name enclosed in double quotes in line 1, column 2."),
    "nothing but blanks": (b"  ", "The body is no JSON: Expecting value in line 1, column 3."),
    "NUL": (b"\x00", "The body is no JSON: Expecting value in line 1, column 1."),
    "NUL in a text": (b'{"scope": "a\x00"}', "The body is no JSON: Invalid control character at in line 1"),
    "UTF-16": ('{"scope": "all"}'.encode("utf-16"), "The body is not in UTF-8."),
    "byte order mark": ("\ufeff{}".encode(), "The body is no JSON: Unexpected UTF-8 BOM (decode using utf-8-sig)"),
    "lone surrogate": (b'{"scope": "\xed\xa0\x80"}', "The body is not in UTF-8."),
    "NaN": (b'{"scope": NaN}', "NaN is no number in JSON."),
    "Infinity": (b'{"scope": -Infinity}', "-Infinity is no number in JSON."),
    "1e400": (b'{"scope": [1e400]}', "The number 1e400 is too large."),
    "many digits": (b'{"scope": 1%s}' % (b"0" * 5000), "A number is longer than 40 digits."),
    "a key twice": (b'[{"scope": "all", "scope": "database"}]', 'The key "scope" stands twice in one object.'),
    "33 levels": (b"[" * 33 + b"]" * 33, "The JSON is nested too deeply."),
    "900 levels": (b'{"a":' * 900 + b"1" + b"}" * 900, "The JSON is nested too deeply."),
    "100,000 lists": (b"[" * 100_000 + b"]" * 100_000, "The JSON is nested too deeply."),
    "100,000 objects": (b'{"a":' * 100_000, "The JSON is nested too deeply."),
}


@pytest.mark.parametrize(("body", "sentence"), [*REFUSED.values()], ids=[*REFUSED])
def test_what_is_no_json_is_refused_with_a_sentence(as_role, problem, body, sentence):
    answer = as_role("operator").generic("POST", CURRENT, body, content_type=JSON)
    told = problem(answer, 400)
    assert (told["code"], told["errors"]) == ("parse_error", [])
    assert told["detail"].startswith(sentence)
    assert not SyncSession.objects.exists()


def test_three_megabytes_are_refused_before_they_are_parsed(as_role, problem):
    answer = as_role("operator").generic("POST", CURRENT, b"[" * 3_000_000, content_type=JSON)
    assert problem(answer, 413)["code"] == "body_too_large"


def test_the_parser_itself_reads_no_more_than_the_limit():
    stream = BytesIO(b"[" * 3_000_000)
    with pytest.raises(BodyTooLarge):
        BoundedJSONParser().parse(stream)
    assert stream.tell() == 2_621_441


def test_a_million_items_are_refused_by_the_view(as_role, problem):
    answer = as_role("operator").generic("POST", CURRENT, b"[%s1]" % (b"1," * 1_000_000), content_type=JSON)
    assert problem(answer, 400)["code"] == "invalid"


@pytest.mark.parametrize("length", ["-5", "abc", "1e3", "", "9" * 30])
def test_the_body_is_bounded_whatever_its_length_is_said_to_be(as_role, length):
    answer = as_role("operator").generic("POST", CURRENT, b"[" * 3_000_000, content_type=JSON, CONTENT_LENGTH=length)
    # Without a length there is no body for WSGI, so nothing is asked for and all is run.
    assert answer.status_code == {"": 200, "9" * 30: 413}.get(length, 400)


@pytest.mark.parametrize("path", ["/", "/healthz", "/admin/login/", "/admin/capacity/instance/", "/static/x", CURRENT])
def test_a_large_body_of_nobody_is_refused_by_its_size_at_every_path(client, path):
    class Unread(BytesIO):
        def read(self, *args):
            raise AssertionError("the body was read")

    form = "multipart/form-data; boundary=x"
    sent = {"wsgi.input": Unread(), "CONTENT_TYPE": form}
    assert client.generic("POST", path, CONTENT_LENGTH=str(300 * 2**20), **sent).status_code == 413
    chunks = client.generic("POST", path, HTTP_TRANSFER_ENCODING="chunked", **sent)
    assert chunks.status_code == 411
    assert "sent in chunks" in chunks.content.decode()


def test_a_body_that_is_cut_short_is_a_400(as_role, problem):
    body = b'{"scope": "all"}'
    answer = as_role("operator").generic("POST", CURRENT, body, content_type=JSON, CONTENT_LENGTH=len(body) - 3)
    assert problem(answer, 400)["code"] == "parse_error"


@pytest.mark.parametrize(
    "kind", ["text/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "json", ";", "a/b/c"]
)
def test_another_media_type_is_a_415(as_role, problem, kind):
    answer = as_role("operator").generic("POST", CURRENT, b"scope=all", content_type=kind)
    assert problem(answer, 415)["code"] == "unsupported_media_type"
    assert not SyncSession.objects.exists()


def test_a_lone_surrogate_in_a_key_comes_back_readable(as_role, problem):
    answer = as_role("operator").generic("POST", CURRENT, b'{"\\ud800": 1}', content_type=JSON)
    assert [error["attr"] for error in problem(answer, 400)["errors"]] == ["\\ud800"]


def operations_with_a_body():
    for path, methods in SchemaGenerator().get_schema(public=True)["paths"].items():
        for method, operation in methods.items():
            if "requestBody" in operation:
                yield pytest.param(method.upper(), path, id=f"{method.upper()} {path}")


@pytest.mark.parametrize(("method", "path"), [*operations_with_a_body()])
def test_every_address_that_takes_a_body_refuses_these(as_role, problem, method, path):
    client = as_role("administrator")
    url = path.format(id=make_instance().pk, session_id=uuid.uuid4())
    bodies = [(body, JSON) for body, _sentence in REFUSED.values()]
    bodies += [(b"[" * 3_000_000, JSON), (b"<a/>", "text/xml"), (b"a=1", "application/x-www-form-urlencoded")]
    bodies += [(json.dumps(value).encode(), JSON) for value in (None, 5, "x", [[]], {"\x00": 1}, {"\ud800": "\ud800"})]
    answers = {body[:40]: client.generic(method, url, body, content_type=kind) for body, kind in bodies}
    for body, answer in answers.items():
        assert 400 <= answer.status_code < 500, (body, answer.status_code, answer.content)
        problem(answer, answer.status_code)
