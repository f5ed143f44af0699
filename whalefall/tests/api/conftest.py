import pytest
from rest_framework.test import APIClient

from whalefall.tests.roles import token_of, user_of


@pytest.fixture
def as_role(db):
    """An API client with a token of a new user of that role."""

    def make(role):
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Token {token_of(user_of(role))}")
        return client

    return make


@pytest.fixture
def problem():
    """Checks that an answer is a problem of this status, as a whole; gives its body."""

    def check(answer, status):
        assert answer.status_code == status, answer.content
        assert answer["Content-Type"] == "application/problem+json"
        body = answer.json()
        assert set(body) - {"session"} == {"type", "title", "status", "detail", "code", "errors", "request_id"}
        assert (body["status"], body["type"]) == (status, f"urn:whalefall:problem:{body['code']}")
        assert body["request_id"] == answer["X-Request-ID"]
        assert body["detail"]
        for error in body["errors"]:
            assert set(error) == {"attr", "code", "detail"}
        return body

    return check
