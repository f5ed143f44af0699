"""The run log: a session per run, a record per instance in it. It knows nothing of bytes or periods."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from .choices import OPEN_SESSION, RecordStatus, Scope, Service, SessionStatus, SyncCategory, SyncType
from .querysets import SyncInstanceRecordQuerySet, SyncSessionQuerySet
from .shared_details import RecordDetailsField


def known(field: str, choices: type[models.TextChoices], name: str) -> models.CheckConstraint:
    return models.CheckConstraint(condition=Q(**{f"{field}__in": choices.values}), name=name)


class SyncSession(models.Model):
    """One run. Times are set by the database's clock; every change of status is a conditional UPDATE."""

    session_id = models.UUIDField(_("session id"), default=uuid.uuid4, unique=True, editable=False)
    sync_type = models.CharField(_("kind"), max_length=16, choices=SyncType)
    sync_category = models.CharField(_("category"), max_length=16, choices=SyncCategory)
    status = models.CharField(_("status"), max_length=16, choices=SessionStatus, default=SessionStatus.PENDING)
    scope = models.CharField(_("scope"), max_length=16, choices=Scope, default=Scope.ALL)
    lock_key = models.CharField(_("lock key"), max_length=64, help_text=_("One open session per key at a time."))
    details = models.JSONField(_("details"), default=dict, help_text=_("What was asked for; version 1."))

    shared_details = models.JSONField(
        _("details of its records"), default=dict, editable=False, help_text=_("What they have in common, by status.")
    )

    total_instances = models.PositiveIntegerField(_("instances"), default=0)
    successful_instances = models.PositiveIntegerField(_("successful"), default=0)
    failed_instances = models.PositiveIntegerField(_("failed"), default=0)
    skipped_instances = models.PositiveIntegerField(_("skipped"), default=0)

    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("started by"),
    )
    task_id = models.CharField(_("task id"), max_length=255, blank=True)
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    heartbeat_at = models.DateTimeField(
        _("last sign of life"), null=True, blank=True, help_text=_("The lease: it moves with every chunk.")
    )
    completed_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    error_code = models.CharField(_("error code"), max_length=64, blank=True)
    error_message = models.TextField(_("error"), blank=True)
    created_at = models.DateTimeField(_("created at"), db_default=Now(), editable=False)
    updated_at = models.DateTimeField(_("updated at"), db_default=Now(), editable=False)

    objects = SyncSessionQuerySet.as_manager()

    class Meta:
        db_table = "sync_sessions"
        verbose_name = _("sync session")
        verbose_name_plural = _("sync sessions")
        ordering = ["-id"]
        permissions = [("cancel_syncsession", "Can cancel a running sync session")]
        constraints = [
            # One run per key at a time, whatever else fails: create_session turns a hit into SessionAlreadyRunning.
            models.UniqueConstraint(
                fields=["lock_key"],
                condition=Q(status__in=OPEN_SESSION),
                name="sync_sessions_one_open_per_key",
            ),
            known("status", SessionStatus, "sync_sessions_status_known"),
            known("sync_type", SyncType, "sync_sessions_type_known"),
            known("sync_category", SyncCategory, "sync_sessions_category_known"),
            known("scope", Scope, "sync_sessions_scope_known"),
        ]
        indexes = [
            # Serves the last run of each kind (dashboard, /metrics).
            models.Index(fields=["lock_key", "-id"], name="sync_sessions_last_of_key"),
            # Serves the list of sessions, where one stands for those of its task.
            models.Index(fields=["task_id", "id"], condition=~Q(task_id=""), name="sync_sessions_of_task"),
            # Serves fail_stale_sessions, which every starter calls: open sessions are few, old ones many.
            models.Index(
                fields=["status", "heartbeat_at"],
                condition=Q(status__in=OPEN_SESSION),
                name="sync_sessions_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_sync_category_display()} {self.session_id}"

    def retries(self) -> SyncSessionQuerySet:
        """The sessions in which what failed or was cancelled in this one was run again, oldest first."""
        if self.status not in (SessionStatus.FAILED, SessionStatus.CANCELLED):
            return SyncSession.objects.none()
        return SyncSession.objects.filter(details__retry_of=str(self.session_id), pk__gt=self.pk).order_by("pk")

    @property
    def selected(self) -> int | None:
        """For how many instances it was asked for; None when for the fleet, as it was at that time."""
        return self.details.get("selected")


class SyncInstanceRecord(models.Model):
    """What happened to one instance in a session. The name is copied: the log outlives what it logs."""

    session = models.ForeignKey(
        SyncSession,
        on_delete=models.CASCADE,
        related_name="records",
        db_index=False,  # the unique constraint below leads with it
        verbose_name=_("session"),
    )
    instance = models.ForeignKey(
        "capacity.Instance",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="sync_records",
        db_index=False,  # an index below leads with it
        verbose_name=_("instance"),
    )
    instance_name = models.CharField(_("instance name"), max_length=255)
    sync_category = models.CharField(_("category"), max_length=16, choices=SyncCategory)
    status = models.CharField(_("status"), max_length=16, choices=RecordStatus, default=RecordStatus.PENDING)
    #: For the index of the failed ones. On PostgreSQL an update that changes what an index is about writes to all
    #: indexes of the table; every record changes its status twice, and few of them this.
    has_failed = models.GeneratedField(
        expression=models.ExpressionWrapper(Q(status=RecordStatus.FAILED), output_field=models.BooleanField()),
        output_field=models.BooleanField(),
        db_persist=True,
    )
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    completed_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    items_synced = models.PositiveIntegerField(_("items"), default=0)
    items_created = models.PositiveIntegerField(_("created"), default=0)
    items_updated = models.PositiveIntegerField(_("updated"), default=0)
    items_deleted = models.PositiveIntegerField(_("deleted"), default=0)
    error_code = models.CharField(_("error code"), max_length=64, blank=True)
    error_message = models.TextField(_("reason"), blank=True)
    sync_details = RecordDetailsField(_("details"), default=dict)
    created_at = models.DateTimeField(_("created at"), db_default=Now(), editable=False)

    objects = SyncInstanceRecordQuerySet.as_manager()

    class Meta:
        db_table = "sync_instance_records"
        verbose_name = _("instance record")
        verbose_name_plural = _("instance records")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["session", "instance"], name="sync_records_once_per_session"),
            known("status", RecordStatus, "sync_records_status_known"),
            known("sync_category", SyncCategory, "sync_records_category_known"),
        ]
        indexes = [
            # Serves the last records of an instance on its page, whether it was run since a failure (dashboard),
            # and SET_NULL when an instance is purged.
            models.Index(fields=["instance", "-id"], name="sync_records_last_of_instance"),
            # Serves the dashboard's failures: few of the records are.
            models.Index(fields=["instance", "id"], condition=Q(has_failed=True), name="sync_records_failed"),
        ]

    def __str__(self) -> str:
        return f"{self.instance_name}: {self.get_status_display()}"


class SignOfLife(models.Model):
    """When a process of a service last said that it lives."""

    service = models.CharField(_("service"), primary_key=True, max_length=16, choices=Service)
    seen_at = models.DateTimeField(_("last sign of life"))

    class Meta:
        db_table = "signs_of_life"
        verbose_name = _("sign of life")
        verbose_name_plural = _("signs of life")
        constraints = [known("service", Service, "signs_of_life_service_known")]

    def __str__(self) -> str:
        return f"{self.service}: {self.seen_at}"
