"""Error texts: short, without NUL, without passwords."""

import pytest

from sync_sessions.common.masking import MAX_LENGTH, clean_error

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("connection refused", "connection refused"),
        ("磁盘已满 😀", "磁盘已满 😀"),
        ("postgres://whale:s3cret@db:5432/x refused", "postgres://whale:****@db:5432/x refused"),
        ("redis://:s3cret@cache:6379/0", "redis://:****@cache:6379/0"),
        ("two: a://u:s3cret@h and b://v:s3cret@h", "two: a://u:****@h and b://v:****@h"),
        ("host=db user=whale password=s3cret dbname=x", "host=db user=whale password=**** dbname=x"),
        ("password = 's3 cret' host=db", "password = **** host=db"),
        ('password="s3 cret" host=db', "password=**** host=db"),
        ("connect(host='db', password='s3cret', port=1)", "connect(host='db', password=****, port=1)"),
        ("{'user': 'whale', 'password': 's3cret'}", "{'user': 'whale', 'password': ****}"),
        ('{"password": "s3cret", "port": 1}', '{"password": ****, "port": 1}'),
        ("Server=db;Uid=whale;Pwd=s3cret;Encrypt=yes", "Server=db;Uid=whale;Pwd=****;Encrypt=yes"),
        ("PASSWORD=s3cret", "PASSWORD=****"),
        ("passwd: s3cret", "passwd: ****"),
        ('password authentication failed for user "whale"', 'password authentication failed for user "whale"'),
    ],
)
def test_passwords_are_masked_and_the_rest_stays(text, clean):
    assert clean_error(ValueError(text)) == clean


def test_nul_is_left_out():
    assert clean_error("disk\x00 full") == "disk full"


def test_a_lone_surrogate_becomes_what_can_be_stored():
    assert clean_error("name \ud800 refused").encode() == b"name ? refused"


@pytest.mark.parametrize(("length", "stored"), [(MAX_LENGTH, MAX_LENGTH), (MAX_LENGTH + 1, MAX_LENGTH)])
def test_at_most_four_thousand_characters_are_stored(length, stored):
    text = clean_error("é" * length)

    assert len(text) == stored == 4000
    assert text.endswith("…") == (length > stored)


def test_five_megabytes_with_nul_and_a_password():
    text = clean_error("x" * 3990 + "\x00 password=" + "s3cret" * 900_000)

    assert len(text) == 4000
    assert "\x00" not in text and "s3cret" not in text
    assert text.startswith("x" * 3990)


def test_the_password_of_a_dsn_across_the_cut_is_masked():
    text = clean_error("x" * 3980 + " postgres://whale:s3cret@db/x refused")

    assert "s3c" not in text


@pytest.mark.parametrize(
    "text", ["://a:" * 400_000, "password=" * 400_000, "password='" + "x" * 4_000_000, "@" * 5_000_000]
)
def test_no_text_keeps_it_busy(text):
    assert len(clean_error(text)) <= 4000


def test_a_masked_password_early_in_the_text_does_not_bring_an_unmasked_one_into_view():
    text = clean_error("://u:" + "p" * 250 + "@ " + "y " * 3800 + "postgres://whale:" + "s3cret" * 200 + "@db/x")
    assert "s3cret" not in text


@pytest.mark.parametrize("secret", ["PWD={a;b}", "password='it''s x'", 'password=ab"cd', 'password="a b"'])
def test_passwords_in_quotes_are_masked_whole(secret):
    assert (
        clean_error(f"cannot connect: {secret}; port 1") == f"cannot connect: {secret.partition('=')[0]}=****; port 1"
    )
