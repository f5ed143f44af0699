"""What logins leave behind, which neither Django nor django-axes deletes by itself."""

from datetime import timedelta

import structlog
from axes.models import AccessLog
from django.contrib.sessions.models import Session
from django.utils import timezone

log = structlog.get_logger(__name__)


def purge_logins(older_than: timedelta) -> None:
    """Deletes the site's sessions that have expired, and the lines of logins made longer ago than this."""
    now = timezone.now()
    sessions, _of_what = Session.objects.filter(expire_date__lt=now).delete()
    logins, _of_what = AccessLog.objects.filter(attempt_time__lt=now - older_than).delete()
    log.info("purge.logins", sessions=sessions, logins=logins)
