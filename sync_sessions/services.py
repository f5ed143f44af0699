"""The life of a session and its records.

Every change of status is a conditional UPDATE with a look at the row count, so that it is made once, by
whoever comes first. Everyone touches the session before its records: the other order deadlocks.
Database errors propagate.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from sync_sessions.common.batches import delete_in_batches
from sync_sessions.common.history import log_change
from sync_sessions.common.masking import clean_error

from . import records_sql
from .choices import RecordStatus, Scope, SessionStatus
from .ends import End, end_session
from .errors import SessionAlreadyRunning, SessionFinished, SessionLost
from .life import why_queued_runs_wait
from .models import SyncInstanceRecord, SyncSession
from .reasons import RESULT_MISSING, STALE_REASONS
from .results import RecordResult
from .shared_details import common, to_store
from .snapshot import SyncSessionSerializer

PURGE_BATCH = 50


class SyncSessionService:
    """Bulk by nature: each call costs a constant number of statements, however many records it is about."""

    def create_session(
        self,
        *,
        sync_type: str,
        sync_category: str,
        lock_key: str,
        scope: str = Scope.ALL,
        details: Mapping[str, Any] | None = None,
        instances: Sequence[tuple[int, str]] = (),
        created_by: Any = None,
        task_id: str = "",
        status: str = SessionStatus.RUNNING,
    ) -> SyncSession:
        """Opens a session, running or pending (queued), with a pending record per (instance id, name).

        Fails stale sessions first, so that they hold no key. Raises SessionAlreadyRunning, carrying the
        other one, when an open session holds `lock_key`.
        """
        self.fail_stale_sessions()
        now = Now() if status == SessionStatus.RUNNING else None
        with transaction.atomic():
            session = self._insert(
                SyncSession(
                    sync_type=sync_type,
                    sync_category=sync_category,
                    lock_key=lock_key,
                    scope=scope,
                    details={"version": 1, **(details or {})},
                    total_instances=len(instances),
                    created_by=created_by,
                    task_id=task_id,
                    status=status,
                    started_at=now,
                    heartbeat_at=now,
                )
            )
            self.add_instance_records(session, instances)
        return session

    def _insert(self, session: SyncSession) -> SyncSession:
        for _attempt in range(3):
            try:
                with transaction.atomic():
                    session.save(force_insert=True)
            except IntegrityError as error:
                conflict = error
            else:
                session.refresh_from_db()  # the times are the database's
                return session
            other = SyncSession.objects.open().filter(lock_key=session.lock_key).first()
            if other:
                raise SessionAlreadyRunning(_in_the_way(other), other)
            # The other one ended between our INSERT and our look: the key is free now.
        raise conflict

    def add_instance_records(self, session: SyncSession, instances: Sequence[tuple[int, str]]) -> None:
        """A pending record per (instance id, name)."""
        if instances:
            records_sql.insert_records(session.pk, session.sync_category, instances)

    def record_ids(self, session: SyncSession) -> dict[int, int]:
        """{instance id: record id} of the session. One query."""
        rows = session.records.exclude(instance=None).values_list("instance_id", "id")
        return {instance_id: record_id for instance_id, record_id in rows if instance_id is not None}

    def claim_session(self, session: SyncSession, task_id: str = "") -> None:
        """pending -> running, by the one process whose UPDATE hits; SessionFinished for every other."""
        pending = SyncSession.objects.pending().filter(pk=session.pk)
        if not pending.update(
            status=SessionStatus.RUNNING,
            started_at=Now(),
            heartbeat_at=Now(),
            updated_at=Now(),
            task_id=task_id or session.task_id,
        ):
            session.refresh_from_db()
            raise SessionFinished(
                _("Session %(id)s was not waiting to be started: it is %(status)s.")
                % {"id": session.session_id, "status": session.get_status_display()},
                session,
            )
        session.refresh_from_db()

    def start_instance_records(self, session: SyncSession, record_ids: Sequence[int]) -> None:
        """pending -> running, and a sign of life. SessionLost when the session is no longer running."""
        with transaction.atomic():
            self.heartbeat(session)
            SyncInstanceRecord.objects.filter(pk__in=record_ids, status=RecordStatus.PENDING).update(
                status=RecordStatus.RUNNING, started_at=Now()
            )

    def heartbeat(self, session: SyncSession, *, successful: int = 0, failed: int = 0, skipped: int = 0) -> None:
        """The fence: moves the lease and adds to the counters, if the session is still running.

        Raises SessionLost otherwise, so that the caller's transaction rolls back. Comes last in a chunk, as
        it holds the session's row until the commit.
        """
        if (
            not SyncSession.objects.running()
            .filter(pk=session.pk)
            .update(
                heartbeat_at=Now(),
                updated_at=Now(),
                successful_instances=F("successful_instances") + successful,
                failed_instances=F("failed_instances") + failed,
                skipped_instances=F("skipped_instances") + skipped,
            )
        ):
            session.refresh_from_db()
            raise SessionLost(
                _("Session %(id)s is no longer running: it is %(status)s.")
                % {"id": session.session_id, "status": session.get_status_display()},
                session,
            )

    def complete_instance_records(self, session: SyncSession, results: Sequence[RecordResult]) -> None:
        """Behind the fence, writes the ends of records: completed or skipped."""
        if results:
            skipped = sum(result.status == RecordStatus.SKIPPED for result in results)
            self.heartbeat(session, successful=len(results) - skipped, skipped=skipped)
            self._finish_records(session, results)

    def fail_instance_records(self, session: SyncSession, results: Sequence[RecordResult]) -> None:
        """Behind the fence, writes the ends of failed records."""
        if results:
            self.heartbeat(session, failed=len(results))
            self._finish_records(session, results)

    def _finish_records(self, session: SyncSession, results: Sequence[RecordResult]) -> None:
        """Behind the fence, which holds the session's row until the caller's transaction ends: so one process at a
        time settles what the records share. Read anew each time, as a chunk that was rolled back has settled nothing.
        """
        ends: dict[tuple[object, ...], tuple[RecordResult, list[int]]] = {}
        for result in results:
            ends.setdefault(result.how, (result, []))[1].append(result.record_id)
        row = SyncSession.objects.filter(pk=session.pk)
        shared = row.values_list("shared_details", flat=True).get()
        by_status: dict[str, list[Mapping[str, Any]]] = {}
        for end, _ids in ends.values():
            by_status.setdefault(str(end.status), []).append(end.sync_details)
        new = {status: common(details) for status, details in by_status.items() if status not in shared}
        if new:
            shared = shared | new
            row.update(shared_details=shared)
        session.shared_details = shared
        records_sql.finish_records(
            {**vars(end), "record_ids": ids, "sync_details": to_store(end.sync_details, shared[str(end.status)])}
            for end, ids in ends.values()
        )

    def finish_session(self, session: SyncSession, *, missing_details: Mapping[str, Any] | None = None) -> None:
        """running -> completed if no record failed, else failed. Records without a result fail first.

        `missing_details` is the sync_details that those get.
        Raises SessionLost when the session is no longer running.
        """
        end = End(
            None,
            RecordStatus.FAILED,
            record_code="result_missing",
            record_text=RESULT_MISSING,
            record_details=missing_details,
        )
        if not end_session(session, SyncSession.objects.running(), end):
            session.refresh_from_db()
            raise SessionLost(_("Session %(id)s has ended already.") % {"id": session.session_id}, session)
        session.refresh_from_db()

    def finish_if_done(self, session: SyncSession) -> bool:
        """Finishes a session that several processes share, if no record is unfinished and none was faster."""
        # An instance deleted meanwhile keeps nobody waiting: its record ends without a result.
        if session.records.unfinished().exclude(instance=None).exists():
            return False
        try:
            self.finish_session(session)
        except SessionLost:
            return False
        return True

    def purge(self, older_than: timedelta, *, dry_run: bool = False) -> int:
        """Deletes ended sessions created longer ago than this, with their records; gives how many sessions.

        In batches, each its own commit.
        """
        old = SyncSession.objects.ended().filter(created_at__lt=Now() - older_than).order_by("pk")
        if dry_run:
            return old.count()
        return delete_in_batches(old, PURGE_BATCH)  # their records first, in the transaction of each batch

    def fail_session(self, session: SyncSession, code: str, error: object) -> bool:
        """Fails an open session and its unfinished records with this reason; False when it had ended."""
        end = End(SessionStatus.FAILED, RecordStatus.FAILED, code, clean_error(error))
        hit = end_session(session, SyncSession.objects.open(), end)
        session.refresh_from_db()
        return hit

    def skip_session(self, session: SyncSession, code: str, reason: str) -> None:
        """Completes an open session of which nothing is to be done any more; its records are skipped with this reason.

        Nothing happens to one that has ended.
        """
        end = End(SessionStatus.COMPLETED, RecordStatus.SKIPPED, record_code=code, record_text=clean_error(reason))
        end_session(session, SyncSession.objects.open(), end)
        session.refresh_from_db()

    def cancel_session(self, session: SyncSession, *, by: Any = None) -> None:
        """Cancels an open session and its unfinished records; what is done stays. SessionFinished otherwise.

        The history says so of the user `by`.
        """
        if not end_session(session, SyncSession.objects.open(), End(SessionStatus.CANCELLED, RecordStatus.CANCELLED)):
            session.refresh_from_db()
            raise SessionFinished(
                _("Session %(id)s cannot be cancelled: it is %(status)s.")
                % {"id": session.session_id, "status": session.get_status_display()},
                session,
            )
        session.refresh_from_db()
        log_change(by, session, "Cancelled.")

    def fail_stale_sessions(self) -> list[SyncSession]:
        """Fails the sessions whose process is gone, with their unfinished records; gives those this call failed."""
        failed = []
        sessions = SyncSession.objects
        for code, stale in (("abandoned", sessions.abandoned()), ("never_started", sessions.never_started())):
            end = End(SessionStatus.FAILED, RecordStatus.FAILED, code, STALE_REASONS[code])
            for session in stale:
                # Asked again in the UPDATE: it may have moved, or another reaper may have been here.
                if end_session(session, stale, end):
                    session.refresh_from_db()
                    failed.append(session)
        return failed

    def snapshot(self, session: SyncSession) -> dict[str, Any]:
        """The session as `GET sync-sessions/{session_id}/` shows it, read from the database."""
        return dict(SyncSessionSerializer(SyncSession.objects.get(pk=session.pk)).data)


def _in_the_way(other: SyncSession) -> str:
    names = {"id": other.session_id}
    if other.status != SessionStatus.PENDING:
        text = _("A run of the same kind is already under way: session %(id)s. Wait for its end or cancel it.")
        return text % names
    text = _("A run of the same kind is queued: session %(id)s. Wait for its end or cancel it.") % names
    return " ".join(filter(None, [text, why_queued_runs_wait()]))


sync_session_service = SyncSessionService()
