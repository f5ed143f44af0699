from . import instances, rows

__all__ = ["instances", "rows"]
