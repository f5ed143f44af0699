from datetime import datetime
from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib import admin
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _


def locked_out(request: HttpRequest, response: HttpResponse, credentials: dict[str, Any] | None) -> HttpResponse:
    """The page that answers instead of `response` to who has given too many wrong passwords: 429 and when to
    come back. The name is not told to be that of a user or of none.
    """
    until = timezone.localtime(_last_failure(request, credentials) + settings.AXES_COOLOFF_TIME)
    context = {
        **admin.site.each_context(request),
        "title": _("Too many wrong passwords"),
        "failures": settings.AXES_FAILURE_LIMIT,
        "until": until,
        "zone": settings.TIME_ZONE,
    }
    page = render(request, "locked_out.html", context, status=429)
    page["Retry-After"] = max(1, int((until - timezone.now()).total_seconds()) + 1)
    return page


def _last_failure(request: HttpRequest, credentials: dict[str, Any] | None) -> datetime:
    address = request.axes_ip_address  # type: ignore[attr-defined]
    attempts = AccessAttempt.objects.filter(username=(credentials or {}).get("username"), ip_address=address)
    return attempts.aggregate(last=Max("attempt_time"))["last"] or timezone.now()
