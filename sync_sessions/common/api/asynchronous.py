"""`Prefer: respond-async` (RFC 7240): the run is queued, and the answer is where to look for it."""

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from sync_sessions.common.broker import has_broker
from sync_sessions.models import SyncSession
from sync_sessions.services import sync_session_service
from sync_sessions.tellable import tellable

RETRY_AFTER = 2  #: seconds until a look at the session is worth it
#: For the schema of the calls that take the preference.
RESPOND_ASYNC = OpenApiParameter(
    "Prefer",
    str,
    OpenApiParameter.HEADER,
    description="`respond-async`: queue the run and answer 202. Ignored where there is no broker.",
)


def wants_queue(request: Request) -> bool:
    """Whether the request has the preference, alone or among others. Without a broker it is ignored."""
    preferences = request.headers.get("Prefer", "").split(",")
    asked = any(one.partition(";")[0].strip().lower() == "respond-async" for one in preferences)
    return asked and has_broker()


def session_url(request: Request, session: SyncSession) -> str:
    return reverse("sync-session-detail", kwargs={"session_id": session.session_id}, request=request)


def accepted(request: Request, session: SyncSession) -> Response:
    """202 with the queued session, which is at `Location`."""
    headers = {
        "Location": session_url(request, session),
        "Preference-Applied": "respond-async",
        "Retry-After": str(RETRY_AFTER),
    }
    told = tellable(sync_session_service.snapshot(session), request.user, session.session_id)
    return Response(told, status=202, headers=headers)
