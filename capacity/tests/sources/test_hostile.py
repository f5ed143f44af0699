"""Servers that mean harm: an error in time, a bound on memory, no thread left, and no password for them."""

import re
import threading
from pathlib import Path

import pytest

from capacity.collection.sources import CollectionError
from capacity.models import DbType
from capacity.tests.servers import measured, serving

from . import hostile

MEGABYTE = 1024 * 1024
TOO_LONG, SILENT = "answer_too_long", "timeout"


def memory():
    """Bytes of this process, the most since it was asked last."""
    peak = int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
    Path("/proc/self/clear_refs").write_text("5")
    return peak


def refusal(engine, port, **fields):
    limits = {"connect_timeout": 0.6, "statement_timeout": 0.4, "time_budget": 5}
    with pytest.raises(CollectionError) as error:
        measured(engine, port=port, **{"user": "u", "password": "hunter2", "database": "d", **limits, **fields})
    return error.value.code, str(error.value)


def at_once(answer):
    """From the first query on."""
    return hostile.postgresql_answering(answer, knows_encoding=False)


ANSWERS = {
    "mysql rows": (DbType.MYSQL, hostile.mysql_answering(hostile.endless_rows), TOO_LONG),
    "mysql columns": (DbType.MYSQL, hostile.mysql_answering(hostile.endless_columns), TOO_LONG),
    "mysql giant": (DbType.MYSQL, hostile.mysql_answering(hostile.giant_packets), TOO_LONG),
    "mysql trickle": (DbType.MYSQL, hostile.mysql_answering(hostile.trickle), SILENT),
    "mysql greeting": (DbType.MYSQL, hostile.trickling(b"\xff\xff\xff\0"), SILENT),
    "mysql file": (DbType.MYSQL, hostile.mysql_answering(hostile.asks_for_a_file), "connection_failed"),
    "postgresql rows": (DbType.POSTGRESQL, hostile.postgresql_answering(hostile.postgresql_rows), TOO_LONG),
    "postgresql giant": (DbType.POSTGRESQL, hostile.postgresql_answering(hostile.postgresql_giant), TOO_LONG),
    "postgresql trickle": (DbType.POSTGRESQL, hostile.postgresql_answering(hostile.postgresql_trickle), SILENT),
    "postgresql half": (DbType.POSTGRESQL, hostile.postgresql_answering(hostile.postgresql_half), SILENT),
    "postgresql trickle at once": (DbType.POSTGRESQL, at_once(hostile.postgresql_trickle), SILENT),
    "postgresql rows at once": (DbType.POSTGRESQL, at_once(hostile.postgresql_rows), TOO_LONG),
    "postgresql nothing": (DbType.POSTGRESQL, at_once(hostile.postgresql_nothing), "connection_failed"),
    "sql server trickle": (DbType.SQLSERVER, hostile.trickling(b"\x04\x01\x7f\xff\0\0\0\0"), SILENT),
    "oracle trickle": (DbType.ORACLE, hostile.trickling(b"\x7f\xff\0\0\x02\0\0\0"), SILENT),
    "postgresql parameters": (DbType.POSTGRESQL, hostile.postgresql_parameters, TOO_LONG),
}


@pytest.mark.parametrize(("engine", "talk", "code"), ANSWERS.values(), ids=ANSWERS)
def test_whatever_a_server_says_it_is_hung_up_in_time_and_within_memory(engine, talk, code):
    threads = set(threading.enumerate())
    with serving(talk) as port:
        memory()
        before = memory()
        # Who talks too much is to be stopped for that, however slow this machine is at the moment.
        patience = {"statement_timeout": 20, "time_budget": 30} if code == TOO_LONG else {}
        found, text = refusal(engine, port, **patience)
        grown = memory() - before
        left = {one for one in set(threading.enumerate()) - threads if one.name.startswith("collect")}
        for thread in left:
            thread.join(5)

    assert found == code, text
    assert text.startswith(f"127.0.0.1:{port} ")
    assert grown < 20 * MEGABYTE
    assert not [thread for thread in left if thread.is_alive()]


def test_a_long_version_is_cut():
    version = b"15.1 " + b"x" * 20_000
    with serving(hostile.postgresql_answering(hostile.postgresql_nothing, version)) as port:
        measurement = measured(DbType.POSTGRESQL, port=port, user="u")

    assert len(measurement.server_version) == 200


@pytest.mark.parametrize("by_switch", [False, True], ids=["at once", "by a switch"])
@pytest.mark.parametrize(
    "plugin", [b"mysql_clear_password", b"dialog", b"sha256_password", b"caching_sha2_password", b"mysql_old_password"]
)
def test_a_mysql_server_gets_no_password_over_an_unencrypted_connection(plugin, by_switch):
    heard = []
    with serving(hostile.mysql_asking(plugin, by_switch, heard)) as port:
        code, text = refusal(DbType.MYSQL, port, connect_timeout=10, time_budget=20)

    assert code in ("password_not_sent", "connection_failed"), text
    assert code == "password_not_sent" or plugin == b"dialog"
    assert not [said for said in heard if b"hunter2" in said]
    # A password encrypted with a key of the server's own making would be 128 bytes or longer.
    assert not [said for said in heard[1:] if len(said) > 100]


def test_a_postgresql_server_gets_no_password_in_clear_over_an_unencrypted_connection():
    heard = []
    with serving(hostile.postgresql_asking_in_clear(heard)) as port:
        code, text = refusal(DbType.POSTGRESQL, port, connect_timeout=10, time_budget=20)

    assert (code, text) == (
        "password_not_sent",
        f"127.0.0.1:{port} asks for the password of user u in a form that only an encrypted connection may carry: "
        'set TLS to "always, any certificate" (require) or "always, certificate and host name checked" (verify-full), '
        "or give the user another kind of password.",
    )
    assert not [said for said in heard if b"hunter2" in said]
