"""Mappings that are ready for the usual exporters. Names of metrics and labels are those of the exporters' sources."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from capacity.models import DbType, PrometheusMapping, PrometheusSource
from capacity.models import ReadingKind as Kind


class Ready(NamedTuple):
    name: str
    kind: str
    query: str
    database_label: str = ""
    factor: int = 1
    instance_label: str = "instance"


class Exporter(NamedTuple):
    name: str
    db_type: str
    mappings: Sequence[Ready]


def _disk_of(directory: str, metric: str) -> str:
    """The file system that a directory is on: of those of a machine the one that is mounted deepest."""
    parts = directory.rstrip("/").split("/")
    mounts = ["/".join(parts[:length]) or "/" for length in range(len(parts), 0, -1)]
    return " or on (instance) ".join(
        f'max by (instance, mountpoint) ({metric}{{mountpoint="{one}"}})' for one in mounts
    )


def _node(db_type: DbType, directory: str) -> Exporter:
    return Exporter(
        f"node_exporter ({db_type.label})",
        db_type,
        [
            Ready(f"node {db_type} volume", Kind.LIMIT, _disk_of(directory, "node_filesystem_size_bytes")),
            Ready(f"node {db_type} free", Kind.AVAILABLE, _disk_of(directory, "node_filesystem_avail_bytes")),
        ],
    )


_OF_AWARAGI = 'sum by (instance, database) (mssql_database_filesize{{type{}"1",database!="tempdb"}})'
_OF_WINDOWS = "sum by (instance, database) (windows_mssql_databases_{}_files_size_bytes{{database!~'tempdb|_Total'}})"
_MYSQL = 'schema!~"mysql|sys|performance_schema|information_schema"'

#: {its key in forms: the exporter}
EXPORTERS = {
    "postgres": Exporter(
        "postgres_exporter",
        DbType.POSTGRESQL,
        [
            Ready(
                "postgres_exporter",
                Kind.SIZE,
                'pg_database_size_bytes{datname!~"template[01]"}',
                "datname",
            )
        ],
    ),
    # Needs --collect.info_schema.tables and --collect.info_schema.tables.databases='*'.
    "mysqld": Exporter(
        "mysqld_exporter",
        DbType.MYSQL,
        [
            Ready(
                "mysqld_exporter",
                Kind.SIZE,
                f'sum by (instance, schema) (mysql_info_schema_table_size{{component!="data_free",{_MYSQL}}})',
                "schema",
            )
        ],
    ),
    "windows_mssql": Exporter(
        "windows_exporter (mssql)",
        DbType.SQLSERVER,
        [
            Ready("windows_exporter data", Kind.DATA, _OF_WINDOWS.format("data"), "database"),
            Ready("windows_exporter log", Kind.LOG, _OF_WINDOWS.format("log"), "database"),
            # Which drive the data are on it does not tell.
            Ready(
                "windows_exporter volume",
                Kind.LIMIT,
                'max by (instance, volume) (windows_logical_disk_size_bytes{volume="D:"})',
            ),
            Ready(
                "windows_exporter free",
                Kind.AVAILABLE,
                'max by (instance, volume) (windows_logical_disk_free_bytes{volume="D:"})',
            ),
        ],
    ),
    # In KiB; type 1 is the log.
    "mssql": Exporter(
        "mssql_exporter (awaragi)",
        DbType.SQLSERVER,
        [
            Ready("mssql_exporter data", Kind.DATA, _OF_AWARAGI.format("!="), "database", 1024),
            Ready("mssql_exporter log", Kind.LOG, _OF_AWARAGI.format("="), "database", 1024),
        ],
    ),
    "oracledb": Exporter(
        "oracledb_exporter",
        DbType.ORACLE,
        [
            Ready("oracledb_exporter", Kind.SIZE, "oracledb_tablespace_bytes", "tablespace"),
            Ready("oracledb_exporter limit", Kind.LIMIT, "oracledb_tablespace_max_bytes", "tablespace"),
        ],
    ),
    "node_postgresql": _node(DbType.POSTGRESQL, "/var/lib/postgresql"),
    "node_mysql": _node(DbType.MYSQL, "/var/lib/mysql"),
    "node_oracle": _node(DbType.ORACLE, "/u01/app/oracle/oradata"),
}


def mappings_of(source: PrometheusSource, exporters: Iterable[str]) -> list[PrometheusMapping]:
    """Those of the exporters, unsaved, for a source that may be unsaved as well."""
    return [
        PrometheusMapping(source=source, db_type=exporter.db_type, **ready._asdict())
        for exporter in (EXPORTERS[key] for key in exporters)
        for ready in exporter.mappings
    ]


def add_ready(source: PrometheusSource, exporters: Iterable[str]) -> list[PrometheusMapping]:
    """Saves those that the source has not by name; what staff edited stays. Gives the new ones."""
    known = set(source.mappings.values_list("name", flat=True))
    return PrometheusMapping.objects.bulk_create(
        mapping for mapping in mappings_of(source, exporters) if mapping.name not in known
    )
