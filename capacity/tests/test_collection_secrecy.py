"""What never leaks from a collection."""

import json
import logging
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from capacity.models import DbType
from capacity.tests.factories import make_instance

from . import servers
from .servers import HOST, MYSQL_PORT, closed_port

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True)]


def make_mariadb(name, my, **fields):
    login = {"username": my["user"], "password": "hunter2"}
    return make_instance(name, **{"db_type": DbType.MYSQL, "host": HOST, "port": MYSQL_PORT, **login, **fields})


def dump():
    """Every row of every table, as text."""
    with connection.cursor() as cursor:
        rows = []
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            rows += cursor.fetchall()
    return repr(rows)


def test_passwords_are_in_no_table_log_record_or_error(my, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    secret = "no-t4-it"
    for name, fields in {
        "good": {"password": "hunter2"},
        "wrong": {},
        "down": {"port": closed_port()},
        "refused": {"host": "a,b"},
        "nowhere": {"host": "no-such-host.invalid"},
    }.items():
        make_mariadb(name, my, **{"password": secret, **fields})
    shouting = servers.serving(servers.postgresql_refusing(f"you sent {secret}"))
    out = StringIO()

    with shouting as port, pytest.raises(CommandError) as error:
        make_instance("shouting", host=HOST, port=port, username="x", password=secret)
        call_command("collect", "--json", stdout=out)

    assert len(json.loads(out.getvalue())["instances"]) == 6
    texts = [dump(), caplog.text, out.getvalue(), str(error.value), *capfd.readouterr()]
    assert [text for text in texts if secret in text or "hunter2" in text] == []
