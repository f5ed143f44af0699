from . import accounts, logins, raw_schedules, tokens

__all__ = ["accounts", "logins", "raw_schedules", "tokens"]
