from . import alerts, changes, full_next, limits, tags
from .databases import page as databases
from .instances import page as instances
from .prometheus import page as prometheus
from .rows import lists as rows
from .schedules import page as schedules

__all__ = [
    "alerts",
    "changes",
    "databases",
    "full_next",
    "instances",
    "limits",
    "prometheus",
    "rows",
    "schedules",
    "tags",
]
