from . import tags
from .databases import page as databases
from .instances import page as instances
from .rows import lists as rows
from .schedules import page as schedules

__all__ = ["databases", "instances", "rows", "schedules", "tags"]
