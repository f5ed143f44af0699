from . import alerts, changes, full_next, limits, tags
from .databases import page as databases
from .instances import page as instances
from .rows import lists as rows
from .schedules import page as schedules

__all__ = ["alerts", "changes", "databases", "full_next", "instances", "limits", "rows", "schedules", "tags"]
