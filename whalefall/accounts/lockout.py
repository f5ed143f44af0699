"""Who may try a password: as django-axes has it, but a try is counted before its password is hashed."""

from datetime import datetime
from typing import Any

from axes.attempts import get_cool_off_threshold
from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessAttempt
from axes.signals import user_locked_out
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Max, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import time_format
from django.utils.translation import gettext as _

from whalefall.counting import seconds_to_wait
from whalefall.refusals import refuse

#: Wrong passwords of a name from all addresses together. Far more than its user types, or anybody could lock it.
NAME_LIMIT = 50
#: Logins from one address: more than an office behind one address needs, fewer than keep a processor busy.
ADDRESS_LIMIT, ADDRESS_WINDOW = 30, 60


class CountedTries(AxesDatabaseHandler):
    """Counts each try, right or wrong, and takes it back when it was right.

    Axes itself counts after the password was hashed: whoever asks in parallel has as many tries as fit into that
    time. Each try is committed here before the sum is read, so that of all that are under way only as many as the
    limit allows see one that is within it.
    """

    def is_allowed(self, request: Any, credentials: dict[str, Any] | None = None) -> bool:
        wait = seconds_to_wait(f"login:{request.axes_ip_address}", ADDRESS_LIMIT, ADDRESS_WINDOW)
        if wait is not None:
            request.login_wait = wait
            return False
        self.clean_expired_user_attempts(request, credentials)
        # Not counted while it is locked, or who tries again would lock it for longer.
        if _used_up(request, credentials, 0):
            return False
        self._count(request, credentials)
        return not _used_up(request, credentials, 1)

    def _count(self, request: Any, credentials: Any) -> None:
        key = {
            "username": _name(credentials),
            "ip_address": request.axes_ip_address,
            "user_agent": request.axes_user_agent,
        }
        now = {"attempt_time": request.axes_attempt_time, "path_info": request.axes_path_info}
        again = AccessAttempt.objects.filter(**key)
        more = {**now, "failures_since_start": F("failures_since_start") + 1}
        if again.update(**more):
            return
        try:
            with transaction.atomic():
                AccessAttempt.objects.create(**key, **now, failures_since_start=1)
        except IntegrityError:  # another try came first
            again.update(**more)

    def user_login_failed(self, sender: Any, credentials: Any, request: Any = None, **kwargs: Any) -> None:
        """It is counted already; at the limit the answer is that of who is locked out."""
        if request is None:
            return
        request.axes_credentials = credentials
        request.axes_locked_out = request.axes_locked_out or bool(_used_up(request, credentials, 0))
        if request.axes_locked_out:
            name = _name(credentials)
            user_locked_out.send("axes", request=request, username=name, ip_address=request.axes_ip_address)


def _name(credentials: Any) -> str | None:
    return (credentials or {}).get("username")


def _used_up(request: Any, credentials: Any, own: int) -> tuple[QuerySet[AccessAttempt], int] | None:
    """The tries of a limit that leave none for this one (of which `own` is counted among them), and their number."""
    tries = AccessAttempt.objects.filter(
        username=_name(credentials), attempt_time__gte=get_cool_off_threshold(request)
    )
    here = tries.filter(ip_address=request.axes_ip_address)
    for some, limit in ((here, settings.AXES_FAILURE_LIMIT), (tries, NAME_LIMIT)):
        count = some.aggregate(sum=Sum("failures_since_start"))["sum"] or 0
        if count - own >= limit:
            return some, limit
    return None


def locked_out(request: HttpRequest, response: HttpResponse, credentials: dict[str, Any] | None) -> HttpResponse:
    """The page that answers instead of `response` to who has given too many wrong passwords: 429 and when to
    come back. The name is not told to be that of a user or of none.
    """
    wait = getattr(request, "login_wait", None)
    if wait is not None:
        text = _("There are too many logins from your address at this moment: try again in a minute.")
        return refuse(request, 429, text, title=_("Too many logins"), retry_after=wait)
    found = _used_up(request, credentials, 0)
    until = timezone.localtime((_last(found[0]) if found else timezone.now()) + settings.AXES_COOLOFF_TIME)
    failures = found[1] if found else settings.AXES_FAILURE_LIMIT
    return refuse(
        request,
        429,
        _("Wrong passwords were given for this name %(failures)d times.") % {"failures": failures},
        _("Log in again after %(until)s (%(zone)s), or ask an administrator to unlock it.")
        % {"until": time_format(until, "H:i"), "zone": settings.TIME_ZONE},
        title=_("Too many wrong passwords"),
        retry_after=(until - timezone.now()).total_seconds(),
    )


def _last(tries: QuerySet[AccessAttempt]) -> datetime:
    return tries.aggregate(last=Max("attempt_time"))["last"] or timezone.now()
