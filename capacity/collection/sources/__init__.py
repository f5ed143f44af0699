"""The engines that can be collected from, by Instance.db_type: a package each, and a line here."""

from capacity.models import DbType

from .answers import (
    CollectionError,
    DatabaseSize,
    Measurement,
    NotCollected,
    NotSized,
    Tables,
    Target,
    Unsized,
    Volume,
)
from .base import Source
from .mysql import MySQLSource
from .oracle import OracleSource
from .postgresql import PostgreSQLSource
from .sqlserver import SQLServerSource

__all__ = [
    "SOURCES",
    "CollectionError",
    "DatabaseSize",
    "Measurement",
    "NotCollected",
    "NotSized",
    "Source",
    "Tables",
    "Target",
    "Unsized",
    "Volume",
]

SOURCES: dict[str, type[Source]] = {
    DbType.POSTGRESQL: PostgreSQLSource,
    DbType.MYSQL: MySQLSource,
    DbType.SQLSERVER: SQLServerSource,
    DbType.ORACLE: OracleSource,
}
