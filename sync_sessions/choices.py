"""The words of the run log."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class SyncType(models.TextChoices):
    MANUAL_SINGLE = "manual_single", _("Manual, one instance")
    MANUAL_BATCH = "manual_batch", _("Manual, several instances")
    MANUAL_TASK = "manual_task", _("Manual, the fleet")
    SCHEDULED_TASK = "scheduled_task", _("Scheduled")


class SyncCategory(models.TextChoices):
    ACCOUNT = "account", _("Accounts")
    CAPACITY = "capacity", _("Collection")
    CONFIG = "config", _("Configuration")
    AGGREGATION = "aggregation", _("Aggregation")
    INSIGHT = "insight", _("Forecasts")
    TABLES = "tables", _("Largest tables")
    OTHER = "other", _("Other")


class Scope(models.TextChoices):
    """Which levels a run does."""

    INSTANCE = "instance", _("Instances")
    DATABASE = "database", _("Databases")
    ALL = "all", _("Databases and instances")


class SessionStatus(models.TextChoices):
    """pending -> running -> completed | failed | cancelled; pending -> failed | cancelled as well."""

    PENDING = "pending", _("Pending")  # queued, no worker has it yet
    RUNNING = "running", _("Running")  # one process has claimed it and moves heartbeat_at
    COMPLETED = "completed", _("Completed")  # no record failed
    FAILED = "failed", _("Failed")  # a record failed, or the run as a whole did
    CANCELLED = "cancelled", _("Cancelled")  # a person stopped it


class RecordStatus(models.TextChoices):
    """pending -> running -> completed | skipped | failed | cancelled; pending -> any end as well."""

    PENDING = "pending", _("Pending")  # its chunk has not begun
    RUNNING = "running", _("Running")  # its chunk is being worked on
    COMPLETED = "completed", _("Completed")  # done, and its rows are committed
    SKIPPED = "skipped", _("Skipped")  # nothing to do; error_message has the reason
    FAILED = "failed", _("Failed")  # not done; error_message has the reason
    CANCELLED = "cancelled", _("Cancelled")  # the run was cancelled before its turn


class Service(models.TextChoices):
    """The processes that queued and scheduled runs need."""

    WORKER = "worker", _("Worker")  # does what is queued
    BEAT = "beat", _("Beat")  # queues what is scheduled


OPEN_SESSION = (SessionStatus.PENDING, SessionStatus.RUNNING)
OPEN_RECORD = (RecordStatus.PENDING, RecordStatus.RUNNING)
