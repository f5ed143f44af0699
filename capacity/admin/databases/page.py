from django.contrib import admin

from capacity.models import DatabaseState

from .listing import DatabaseList


@admin.register(DatabaseState)
class DatabaseStateAdmin(DatabaseList):
    fields = ["database_name", "instance", "first_day", "last_day", "last_sample_at", *DatabaseList.list_display[2:-1]]
