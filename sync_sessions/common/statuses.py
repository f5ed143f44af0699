"""The colour of each status, wherever one is shown. Statuses of sessions and of records are the same words."""

from sync_sessions.choices import RecordStatus

#: {status: the theme's variant of a label}
VARIANTS = {
    RecordStatus.PENDING.value: "default",
    RecordStatus.RUNNING.value: "info",
    RecordStatus.COMPLETED.value: "success",
    RecordStatus.SKIPPED.value: "warning",
    RecordStatus.FAILED.value: "danger",
    RecordStatus.CANCELLED.value: "warning",
}
