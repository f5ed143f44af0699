from . import tags
from .instances import page as instances
from .rows import lists as rows
from .schedules import page as schedules

__all__ = ["instances", "rows", "schedules", "tags"]
