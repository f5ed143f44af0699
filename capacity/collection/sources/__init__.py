"""The engines that can be collected from, by Instance.db_type."""

from capacity.models import DbType

from .base import Adapter, CollectionError, DatabaseSize, Measurement, NotCollected, Target, Unsized, measure
from .mysql import MySQLAdapter
from .postgresql import PostgreSQLAdapter

__all__ = [
    "ADAPTERS",
    "Adapter",
    "CollectionError",
    "DatabaseSize",
    "Measurement",
    "NotCollected",
    "Target",
    "Unsized",
    "adapter_for",
    "measure",
]

ADAPTERS: dict[str, type[Adapter]] = {
    DbType.POSTGRESQL: PostgreSQLAdapter,
    DbType.MYSQL: MySQLAdapter,
}


def adapter_for(db_type: str) -> type[Adapter]:
    """Raises NotCollected (engine_not_supported) for an engine that can only be pushed."""
    if db_type not in ADAPTERS:
        name = DbType(db_type).label
        raise NotCollected(
            "engine_not_supported", f"Collection from {name} is not available: import its samples by CSV."
        )
    return ADAPTERS[db_type]
