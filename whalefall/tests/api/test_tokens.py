"""Tokens open the API for as long as they are valid, and for what their user may do."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from knox.models import AuthToken
from rest_framework.test import APIClient

from whalefall.models import TokenNote
from whalefall.tests.roles import token_of, user_of

URL = "/api/v1/sync-sessions/00000000-0000-0000-0000-000000000000/"


def get(authorization=None):
    return APIClient().get(URL, headers={"Authorization": authorization} if authorization is not None else {})


@pytest.fixture
def viewer(db):
    return user_of("viewer")


@pytest.mark.parametrize("scheme", ["Token", "Bearer", "token", "BEARER", "Bearer  "])
def test_a_token_opens_what_its_user_may_see(viewer, scheme):
    assert get(f"{scheme} {token_of(viewer)}").status_code == 404


@pytest.mark.django_db
def test_it_needs_no_csrf_token():
    client = APIClient(enforce_csrf_checks=True)
    client.credentials(HTTP_AUTHORIZATION=f"Token {token_of(user_of('operator'))}")
    assert client.post("/api/v1/capacity/aggregations/current/").status_code == 200


def refused(problem, authorization):
    answer = get(authorization)
    assert answer["WWW-Authenticate"] == "Token"
    return problem(answer, 401)["code"]


@pytest.mark.django_db
@pytest.mark.parametrize("given", [None, "", "Basic dmlld2VyOng=", "Digest x", "Tokenx", "\x00"])
def test_without_a_token_nobody_comes_in(problem, given):
    assert refused(problem, given) == "not_authenticated"


@pytest.mark.parametrize("given", ["", " ", "x", "a b", "ключ", "\xff\xfe", "\x00", "f" * 64, "f" * 100_000])
def test_what_is_no_token_is_refused(viewer, problem, given):
    for scheme in ("Token", "Bearer"):
        assert refused(problem, f"{scheme} {given}") == "invalid_token"


def test_an_expired_token_is_refused_and_left_alone(viewer, problem):
    text = token_of(viewer)
    AuthToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    assert refused(problem, f"Token {text}") == "invalid_token"
    assert AuthToken.objects.count() == 1


def test_a_token_that_is_good_for_ever_is_none_of_ours(viewer, problem):
    text = token_of(viewer)
    AuthToken.objects.update(expiry=None)
    assert refused(problem, f"Token {text}") == "invalid_token"


def test_a_revoked_token_is_refused(viewer, problem):
    text = token_of(viewer)
    AuthToken.objects.all().delete()
    assert refused(problem, f"Token {text}") == "invalid_token"


def test_the_token_of_an_inactive_user_is_refused(viewer, problem):
    text = token_of(viewer)
    viewer.is_active = False
    viewer.save()
    assert refused(problem, f"Token {text}") == "invalid_token"


def test_a_wrong_token_is_refused_even_beside_a_login(viewer, problem):
    client = APIClient()
    client.force_login(viewer)
    assert client.get(URL).status_code == 404
    problem(client.get(URL, headers={"Authorization": "Token x"}), 401)


def test_a_password_opens_nothing(viewer, problem):
    viewer.set_password("s3cret-s3cret")
    viewer.save()
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION="Basic dmlld2VyOnMzY3JldC1zM2NyZXQ=")
    problem(client.get(URL), 401)


def test_the_stored_row_does_not_give_the_token_away(viewer):
    text = token_of(viewer)
    row = AuthToken.objects.get()
    assert text not in str(vars(row))
    assert (len(row.token_key), row.digest == text) == (15, False)


def test_a_request_only_reads_tokens(viewer):
    """Two at once could otherwise be in each other's way, and a full or read-only disk would keep everybody out."""
    text = token_of(viewer)
    token_of(viewer)
    AuthToken.objects.exclude(token_key=text[:15]).update(expiry=timezone.now() - timedelta(days=1))
    with CaptureQueriesContext(connection) as queries:
        get(f"Token {text}")
    asked = [query["sql"] for query in queries if "knox_authtoken" in query["sql"]]
    assert (len(asked), asked[0].startswith("SELECT")) == (1, True)


@pytest.mark.django_db(transaction=True)
def test_a_database_that_takes_no_writes_keeps_nobody_out():
    text = token_of(user_of("viewer"))
    off, on = {
        "postgresql": ("SET default_transaction_read_only = on", "SET default_transaction_read_only = off"),
        "sqlite": ("PRAGMA query_only = ON", "PRAGMA query_only = OFF"),
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(off)
        try:
            assert get(f"Token {text}").status_code == 404
        finally:
            cursor.execute(on)
    assert TokenNote.objects.get().last_used_at is None


def test_expired_tokens_go_when_the_next_one_is_made(viewer):
    token_of(viewer)
    AuthToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    kept = token_of(viewer)
    assert AuthToken.objects.get().token_key == kept[:15]


@pytest.mark.django_db(transaction=True)
def test_many_requests_with_an_expired_token_at_once_are_all_401():
    text = token_of(user_of("viewer"))
    AuthToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))

    def ask(_number):
        try:
            return get(f"Token {text}").status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(24))) == {401}
