"""Filters that lists of several subjects have."""

from typing import Any

import django_filters

from capacity.collection.validation import MAX_NAME, normal_name


class DatabaseFilter(django_filters.CharFilter):
    """Rows of the databases of this name, on any instance: as it is stored, with its blanks and in its normal form."""

    def __init__(self) -> None:
        super().__init__(
            "database_name", max_length=MAX_NAME, strip=False, label="name of a database, on any instance"
        )

    def filter(self, qs: Any, value: Any) -> Any:
        return super().filter(qs, value and normal_name(value))
