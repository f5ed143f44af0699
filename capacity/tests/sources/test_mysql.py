"""What is measured on the local MariaDB (or MySQL)."""

from glob import glob
from pathlib import Path

import pytest

from capacity.collection.sources import CollectionError, Unsized
from capacity.models import DbType
from capacity.tests import servers
from capacity.tests.servers import measured, mysql, opened

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def my():
    with servers.scratch_mysql() as names:
        yield names


def sizes(measurement):
    return {size.database_name: size.size_bytes for size in measurement.databases}


def files(schema):
    """The bytes of the files of a schema, of tables that have some; the directory's name is encoded."""
    ((directory,),) = mysql("SELECT @@datadir")
    start = schema[: schema.index("ü")] if "ü" in schema else schema
    paths = [Path(path) for path in glob(f"{directory}{start}*/*")]
    return sum(path.stat().st_size for path in paths if path.suffix in (".ibd", ".MYD", ".MYI"))


def test_mysql_gives_the_size_of_the_files_of_each_schema(my):
    mysql(
        f"INSERT INTO `{my['full']}`.`ta#b-lé` "
        "SELECT ROW_NUMBER() OVER (), REPEAT('x', 900) FROM information_schema.COLLATIONS a, "
        "(SELECT 1 FROM information_schema.COLLATIONS LIMIT 10) b LIMIT 2000"
    )

    measurement = measured(DbType.MYSQL)

    assert sizes(measurement)[my["full"]] == files(my["full"]) > 2_000_000
    assert measurement.server_version == mysql("SELECT VERSION()")[0][0]
    assert measurement.notes == ()


def test_an_empty_mysql_schema_has_size_0(my):
    assert sizes(measured(DbType.MYSQL))[my["empty"]] == 0


def test_the_schemas_of_the_mysql_server_itself_are_left_out():
    assert not sizes(measured(DbType.MYSQL)).keys() & {"mysql", "sys", "information_schema", "performance_schema"}


def test_a_mysql_user_without_process_gets_estimates_and_is_told(my):
    mysql(f"ANALYZE TABLE `{my['full']}`.plain")

    measurement = measured(DbType.MYSQL, user=my["user"], password="hunter2")

    ((expected,),) = mysql(
        "SELECT SUM(DATA_LENGTH + INDEX_LENGTH) FROM information_schema.TABLES "
        f"WHERE TABLE_SCHEMA = '{my['full']}' AND ENGINE IN ('InnoDB', 'MyISAM')"
    )
    assert sizes(measurement) == {my["empty"]: 0, my["full"]: expected}
    assert [note[:23] for note in measurement.notes] == ["Sizes are estimates fro"]


def test_a_mysql_table_in_the_shared_tablespace_counts_by_its_own_size(my):
    before = sizes(measured(DbType.MYSQL))[my["full"]]
    ((usual,),) = mysql("SELECT @@innodb_file_per_table")
    mysql("SET GLOBAL innodb_file_per_table = 0", f"CREATE TABLE `{my['full']}`.shared (id int PRIMARY KEY)")
    try:
        assert sizes(measured(DbType.MYSQL))[my["full"]] == before + 16384
    finally:
        mysql(f"SET GLOBAL innodb_file_per_table = {usual}", f"DROP TABLE `{my['full']}`.shared")


def test_mysql_is_only_read():
    with opened(DbType.MYSQL) as server, pytest.raises(Exception, match="READ ONLY|read only"):
        server._rows("CREATE DATABASE written")


MYSQL_CASES = f"""{servers.PREFIX}case"""


@pytest.fixture
def schema():
    """Creates schemas by name, with a MyISAM table of 1 MB that can be broken, and drops them."""
    made = []

    def create(name, engine="MyISAM"):
        made.append(name)
        mysql(
            f"CREATE DATABASE `{name}`",
            f"CREATE TABLE `{name}`.m (id int PRIMARY KEY, b longblob) ENGINE={engine}",
            f"INSERT INTO `{name}`.m VALUES (1, REPEAT('x', 1000000))",
            "FLUSH TABLES",
        )
        return name

    yield create
    for name in made:
        mysql(f"DROP DATABASE IF EXISTS `{name}`")


@pytest.fixture
def login():
    """Creates a MariaDB user with the given rights; gives the fields of its target."""
    user = f"{servers.PREFIX}login"

    def create(*rights):
        mysql(f"CREATE USER {user} IDENTIFIED BY 'hunter2'", *(f"GRANT {right} TO {user}" for right in rights))
        return {"user": user, "password": "hunter2"}

    yield create
    mysql(f"DROP USER IF EXISTS {user}")


@pytest.mark.parametrize(
    "rights", [[], ["SELECT ON `{name}`.other"], ["SELECT (id) ON `{name}`.m"]], ids=["none", "a table", "a column"]
)
def test_a_mysql_schema_whose_tables_are_not_all_seen_is_not_sized(schema, login, rights):
    name = schema(MYSQL_CASES)
    mysql(f"CREATE TABLE {name}.other (id int)")
    fields = login("PROCESS, SHOW DATABASES ON *.*", *(right.format(name=name) for right in rights))

    measurement = measured(DbType.MYSQL, **fields)

    reason = f"User {fields['user']} may not see all of its tables: GRANT SELECT ON it, or ON *.*."
    assert Unsized(name, reason) in measurement.not_sized
    assert name not in sizes(measurement)


@pytest.mark.parametrize("right", ["SELECT ON *.*", "SELECT ON `{name}`.*"])
def test_a_mysql_schema_whose_tables_are_all_seen_is_sized(schema, login, right):
    name = schema(MYSQL_CASES)

    measurement = measured(DbType.MYSQL, **login("PROCESS, SHOW DATABASES ON *.*", right.format(name=name)))

    assert sizes(measurement)[name] == files(name) > 1_000_000


def test_a_mysql_user_who_sees_no_database_is_told_what_to_grant(schema, login):
    schema(MYSQL_CASES)
    fields = login("PROCESS ON *.*")

    with pytest.raises(CollectionError) as error:
        measured(DbType.MYSQL, **fields)

    server = f"127.0.0.1:{servers.MYSQL_PORT}"
    sentence = f"User {fields['user']} sees no database of {server}: GRANT SELECT, SHOW DATABASES ON *.*."
    assert (error.value.code, str(error.value)) == ("missing_privilege", sentence)


def test_a_mysql_schema_that_only_its_files_tell_of_is_named(schema, login):
    seen, unseen = schema(MYSQL_CASES), schema(MYSQL_CASES + "_unseen", "InnoDB")
    fields = login("PROCESS ON *.*", f"SELECT ON {seen}.*")

    measurement = measured(DbType.MYSQL, **fields)

    assert list(sizes(measurement)) == [seen]
    reason = f"User {fields['user']} may not see it: GRANT SELECT, SHOW DATABASES ON *.*."
    assert Unsized(unseen, reason) in measurement.not_sized
    assert not {"mysql", "sys"} & {one.database for one in measurement.not_sized}


def damage(name, file, content):
    ((directory,),) = mysql("SELECT @@datadir")
    path = Path(directory, name, file)
    path.write_bytes(content) if content else path.unlink()
    mysql("FLUSH TABLES")


@pytest.mark.parametrize(("file", "content"), [("m.MYI", b"x" * 300), ("m.MYI", b""), ("m.MYD", b"")])
def test_a_mysql_schema_with_a_table_that_cannot_be_opened_is_not_sized(schema, file, content):
    name, other = schema(MYSQL_CASES), schema(MYSQL_CASES + "_other")
    damage(name, file, content)

    measurement = measured(DbType.MYSQL)

    (reason,) = [one.reason for one in measurement.not_sized if one.database == name]
    assert reason.startswith("Table m: ")
    assert reason.endswith(": it cannot be read, CHECK and REPAIR it.")
    assert name not in sizes(measurement)
    assert other in sizes(measurement)


def test_a_mysql_schema_with_a_table_without_its_file_is_not_sized(schema):
    name = schema(MYSQL_CASES, "InnoDB")
    mysql(f"ALTER TABLE {name}.m DISCARD TABLESPACE")

    measurement = measured(DbType.MYSQL)

    reason = "Table m has no file any more: DROP it, or restore its file."
    assert Unsized(name, reason) in measurement.not_sized
    assert name not in sizes(measurement)


@pytest.mark.parametrize("name", ["SYS", "Mysql", "ndbinfo"])
def test_a_mysql_schema_that_is_only_named_like_one_of_the_server_is_sized(schema, name):
    schema(name)
    assert sizes(measured(DbType.MYSQL))[name] == files(name) > 1_000_000


@pytest.mark.parametrize("engine", ["MyISAM", "InnoDB"])
def test_a_mysql_schema_dropped_meanwhile_has_no_sample(schema, engine):
    name = schema(MYSQL_CASES, engine)
    with opened(DbType.MYSQL) as server:
        assert name in server.database_names()
        mysql(f"DROP DATABASE {name}")
        assert server.size(name) is None


def refusal(**fields):
    with pytest.raises(CollectionError) as error:
        measured(DbType.MYSQL, **fields)
    return error.value.code, str(error.value)


def test_an_expired_password_is_told_wherever_the_server_notices_it(login):
    fields = login("SELECT ON *.*")
    mysql(f"ALTER USER {fields['user']} PASSWORD EXPIRE")

    server = f"127.0.0.1:{servers.MYSQL_PORT}"
    expired = f"The password of user {fields['user']} on {server} has expired: set a new one."
    assert refusal(**fields) == ("wrong_password", expired)


def test_an_account_without_a_password_login_may_also_be_a_wrong_name(login):
    fields = login("SELECT ON *.*")
    mysql(f"ALTER USER {fields['user']} IDENTIFIED VIA unix_socket")

    code, text = refusal(**fields)

    assert code == "wrong_password"
    assert "check name and password, and that the account logs in by password" in text
