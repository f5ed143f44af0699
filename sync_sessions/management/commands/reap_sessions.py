from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import ngettext

from sync_sessions.services import sync_session_service


class Command(BaseCommand):
    help = "Fails the sessions whose process has died or that no worker picked up, as the schedule does every minute."

    def handle(self, *args: Any, **options: Any) -> None:
        failed = sync_session_service.fail_stale_sessions()
        for session in failed:
            self.stdout.write(f"{session.session_id}  {session.lock_key}  {session.error_code}")
        self.stdout.write(
            ngettext("%(count)d dead session failed.", "%(count)d dead sessions failed.", len(failed))
            % {"count": len(failed)}
        )
