"""Commands one after the other as an operator types them, each a process of its own, on a SQLite file."""

import pytest

from whalefall.tests.starts import manage

pytestmark = pytest.mark.unit  # the file is their own


def test_it_runs_where_the_other_zone_stops_every_other_command(migrated, tmp_path):
    database = {"DATABASE_URL": migrated}
    file = tmp_path / "samples.csv"
    file.write_text("instance,db_type,database,collected_at,size_bytes\npg-1,postgresql,a,2025-03-05T03:00+08:00,9\n")
    assert manage("import_samples", str(file), "--create-instances", **database).returncode == 0
    database["WHALEFALL_TIME_ZONE"] = "Europe/Berlin"
    stopped = manage("aggregate", "--stale", **database)
    assert stopped.returncode == 1
    assert "run `manage.py rezone`" in stopped.stderr
    rezoned = manage("rezone", **database)
    assert (rezoned.returncode, rezoned.stderr) == (0, "")
    aggregated = manage("aggregate", "--stale", **database)
    assert (aggregated.returncode, aggregated.stderr) == (0, "")
    assert manage("check", "--fail-level", "INFO", **database).returncode == 0


def test_the_first_migration_alone_comes_before_the_tables_of_the_schedules(tmp_path):
    url = f"sqlite:///{tmp_path}/new.sqlite3"

    alone = manage("migrate", "capacity", "0001", DATABASE_URL=url)
    everything = manage("migrate", DATABASE_URL=url)
    again = manage("install_schedules", DATABASE_URL=url)

    assert (alone.returncode, alone.stderr) == (0, "")
    assert (everything.returncode, everything.stderr) == (0, "")
    assert again.stdout == "All default schedules exist already.\n"
