from django.contrib import admin

from . import accounts, logins, raw_schedules, tokens

__all__ = ["accounts", "logins", "raw_schedules", "tokens"]

admin.site.empty_value_display = "–"  # as in our own cells
