from . import instances, rows, schedules

__all__ = ["instances", "rows", "schedules"]
