"""SQL Server: over TDS and TLS, against a server of the protocol that answers our queries as SQL Server documents."""

import re
from contextlib import contextmanager

import pytest

from capacity.collection.service import CollectionService
from capacity.collection.sources import CollectionError, DatabaseSize, Unsized, Volume
from capacity.collection.tables import take_snapshot
from capacity.models import DatabaseSizeStat, DbType, Instance
from capacity.models.limits import CapacityLimit
from capacity.tests.factories import make_instance
from capacity.tests.servers import HOST, measured
from sync_sessions.models import SyncInstanceRecord

from .certificates import Authority

pytest.importorskip("pysqlbridge", reason="the TDS server of requirements-dev.txt")
from pysqlbridge.certificate import Certificate  # noqa: E402
from pysqlbridge.logins import Login, LoginStore  # noqa: E402
from pysqlbridge.server import start_background  # noqa: E402
from pysqlbridge.tds.result import Column, Integer, NVarChar, QueryError, QueryResult  # noqa: E402

GIB = 1024**3
PAGES = GIB // 8192
TEXT, NUMBER = NVarChar(256), Integer(8)

ERP = ("erp", "ONLINE", 45 * PAGES, 2 * PAGES, 0, 102 * PAGES, 0, 2)
CHINESE = ("销售 [数据]", "ONLINE", PAGES, PAGES, 1, 2 * PAGES, 1, 3)
OFFLINE = ("old", "OFFLINE", PAGES, PAGES, 0, PAGES, 0, 2)
VOLUMES = [("D:\\", 500 * GIB, 100 * GIB, "erp"), ("D:\\", 500 * GIB, 100 * GIB, "销售"), ("L:\\", GIB, 0, "erp")]


def answering(databases=(ERP,), volumes=VOLUMES, filestream=((3 * PAGES,),), sees_all=1, edition=3, tables=()):
    """A handler of queries; a QueryError in place of an answer is what the server says instead."""

    def result(rows, *types):
        if isinstance(rows, QueryError):
            raise rows
        return QueryResult([Column(f"c{n}", one) for n, one in enumerate(types)], list(rows))

    def answer(query):
        sql = query.sql if hasattr(query, "sql") else query
        if "SERVERPROPERTY" in sql:
            return result([("16.0.4085.2", edition, sees_all)], TEXT, NUMBER, NUMBER)
        if found := re.search(r"FROM \[(.*?)\]\.sys\.partitions", sql):
            asked.append(found[1])
            return result(tables, TEXT, NUMBER, NUMBER, NUMBER)
        if "dm_os_volume_stats" in sql:
            return result(volumes, TEXT, NUMBER, NUMBER, TEXT)
        if found := re.search(r"FROM \[(.*)\]\.sys\.database_files", sql):
            asked.append(found[1])
            return result(filestream, NUMBER)
        if "sys.databases" in sql:
            return result(databases, TEXT, TEXT, *[NUMBER] * 6)
        return result([], NUMBER)

    asked = []
    answer.asked = asked
    return answer


def issued(authority, host):
    certificate, key = authority.issue(host)
    return Certificate(certificate.encode(), key.encode())


@contextmanager
def server(handler, certificate):
    logins = LoginStore([Login("whale]fall", "s3cret", False)])
    running, thread = start_background(port=0, query_handler=handler, logins=logins, certificate=certificate)
    try:
        yield running.server_address[1]
    finally:
        running.shutdown()
        running.server_close()
        thread.join()


ANSWER, PORT = [], []  #: the handler of the test that runs, the port of the server that all share


@pytest.fixture(scope="module")
def shared():
    """One server for all tests that do not look at its certificate; gives its port."""
    with server(lambda query: ANSWER[-1](query), issued(Authority(), HOST)) as port:
        yield port


@pytest.fixture(autouse=True)
def on_shared(shared):
    PORT[:] = [shared]


def measurement(handler=None, certificate=None, **fields):
    fields = {"user": "whale]fall", "password": "s3cret", **fields}
    if certificate:
        with server(answering(), certificate) as port:
            return measured(DbType.SQLSERVER, port=port, **fields)
    ANSWER[:] = [handler or answering()]
    return measured(DbType.SQLSERVER, port=PORT[0], **fields)


def refusal(handler=None, certificate=None, **fields):
    with pytest.raises(CollectionError) as error:
        measurement(handler, certificate, **fields)
    return error.value.code, re.sub(r"127\.0\.0\.1:\d+", "SERVER", str(error.value))


def test_it_gives_data_log_and_limit_of_each_database():
    found = measurement()

    assert found.server_version == "16.0.4085.2"
    assert found.databases == (DatabaseSize("erp", 47 * GIB, 45 * GIB, 2 * GIB, 102 * GIB),)
    assert (found.not_sized, found.notes) == ((), ())


def test_volumes_are_shared_by_the_databases_on_them():
    assert measurement().volumes == (
        Volume("127.0.0.1 D:\\", 500 * GIB, 100 * GIB, ("erp", "销售")),
        Volume("127.0.0.1 L:\\", GIB, 0, ("erp",)),
    )


def test_a_database_with_filestream_and_files_without_a_limit():
    handler = answering([CHINESE])

    (size,) = measurement(handler).databases

    assert size == DatabaseSize("销售 [数据]", 5 * GIB, 4 * GIB, GIB, None)
    assert handler.asked == ["销售 [数据]]"]


def test_a_database_that_is_offline_is_named_and_the_others_are_sized():
    found = measurement(answering([ERP, OFFLINE]))

    assert [size.database_name for size in found.databases] == ["erp"]
    assert found.not_sized == (Unsized("old", "It is offline."),)


def test_300_databases_are_all_sized():
    rows = [(f"库{n:03}", *ERP[1:]) for n in range(300)]
    assert [size.database_name for size in measurement(answering(rows)).databases] == [row[0] for row in rows]


def test_without_the_right_to_see_all_databases_it_fails_with_the_grant():
    assert refusal(answering(sees_all=0)) == (
        "missing_privilege",
        "User whale]fall does not see all databases of SERVER: GRANT VIEW ANY DEFINITION, VIEW SERVER STATE, CONNECT "
        "ANY DATABASE TO [whale]]fall].",
    )


def test_without_the_right_to_see_volumes_sizes_come_with_a_note():
    denied = QueryError("VIEW SERVER STATE permission was denied on object 'server'", number=300, severity=14)

    found = measurement(answering(volumes=denied))

    assert len(found.databases) == 1
    assert found.volumes == ()
    assert found.notes == ("The free space of the disks is unknown: GRANT VIEW SERVER STATE to the user.",)


def test_a_database_whose_filestream_may_not_be_read_is_named():
    denied = QueryError("The server principal is not able to access the database", number=916, severity=14)

    found = measurement(answering([CHINESE, ERP], filestream=denied))

    reason = "User whale]fall may not read its FILESTREAM: GRANT CONNECT ANY DATABASE."
    assert found.not_sized == (Unsized("销售 [数据]", reason),)
    assert [size.database_name for size in found.databases] == ["erp"]


def test_a_wrong_password_is_a_sentence():
    wrong = refusal(password="no-t4-it")
    assert wrong == (
        "wrong_password",
        "SERVER refuses the login of user whale]fall: check name and password.",
    )


def test_an_azure_database_is_told_to_be_pushed():
    assert refusal(answering(edition=5))[0] == "engine_not_supported"


def test_a_certificate_is_checked_when_it_is_asked_for():
    authority = Authority()
    checked = {"tls_mode": "verify-full", "tls_ca": authority.pem}

    assert measurement(certificate=issued(authority, HOST), **checked).databases
    assert refusal(certificate=issued(authority, "db.example"), **checked)[0] == "tls_certificate"
    assert refusal(certificate=issued(Authority(), HOST), **checked)[0] == "tls_certificate"
    assert measurement(certificate=issued(Authority(), "db.example"), tls_mode="require").databases


@pytest.mark.django_db
def test_a_collection_stores_samples_and_limits():
    instance = make_instance("mssql", db_type=DbType.SQLSERVER, host=HOST, username="whale]fall", password="s3cret")
    volumes = [("D:\\", 500 * GIB, 100 * GIB, "erp"), ("D:\\", 500 * GIB, 100 * GIB, "crm")]
    crm = ("crm", "ONLINE", 9 * PAGES, PAGES, 0, 0, 1, 2)
    gone = CapacityLimit.objects.create(instance=instance, database_name="gone", source="file", limit_bytes=1)
    kept = CapacityLimit.objects.create(instance=instance, database_name="old", source="file", limit_bytes=1)
    manual = CapacityLimit.objects.create(instance=instance, database_name="gone", source="manual", limit_bytes=1)

    ANSWER[:] = [answering([ERP, crm, OFFLINE], volumes)]
    Instance.objects.update(port=PORT[0])
    for _run in range(2):
        result = CollectionService().collect([instance], sync_type="manual_single")

    assert result.status == "completed"
    rows = DatabaseSizeStat.objects.filter(collected_at=DatabaseSizeStat.objects.latest("collected_at").collected_at)
    assert set(rows.values_list("database_name", "size_bytes", "data_size_bytes", "log_size_bytes")) == {
        ("erp", 47 * GIB, 45 * GIB, 2 * GIB),
        ("crm", 10 * GIB, 9 * GIB, GIB),
    }
    columns = "database_name", "source", "limit_bytes", "shared_key"
    disk = "127.0.0.1 D:\\"
    assert set(CapacityLimit.objects.values_list(*columns)) == {
        ("erp", "file", 102 * GIB, ""),
        ("erp", "volume", 157 * GIB, disk),
        ("crm", "volume", 157 * GIB, disk),
        ("old", "file", 1, ""),
        ("gone", "manual", 1, ""),
    }
    assert not CapacityLimit.objects.filter(pk=gone.pk).exists()
    assert CapacityLimit.objects.filter(pk__in=[kept.pk, manual.pk]).count() == 2
    details = SyncInstanceRecord.objects.latest("pk").sync_details
    assert details["limits"] == {"erp": 102 * GIB}
    assert details["not_sized"] == [{"database": "old", "reason": "It is offline."}]


@pytest.mark.django_db
def test_the_largest_tables_of_a_database_are_measured():
    login = {"host": HOST, "port": PORT[0], "username": "whale]fall", "password": "s3cret"}
    instance = make_instance("mssql", db_type=DbType.SQLSERVER, **login)
    ANSWER[:] = [answering(tables=[("dbo.订单", 5 * PAGES, 102, 9 * PAGES), ("dbo.small", PAGES, 102, 9 * PAGES)])]

    snapshot = take_snapshot(instance, "erp")

    assert ANSWER[0].asked == ["erp"]
    assert snapshot.tables == [
        {"table": "dbo.订单", "size_bytes": 5 * GIB},
        {"table": "dbo.small", "size_bytes": GIB},
        {"others": 100, "size_bytes": 3 * GIB},
    ]
    assert snapshot.total_bytes == 9 * GIB
