from . import records, sessions

__all__ = ["records", "sessions"]
