from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _

from whalefall.refusals import refuse
from whalefall.time_limit import PAGE_SECONDS, limited_statements, timed_out

log = structlog.get_logger(__name__)


class TimeLimit:
    """Pages and lists that the database cannot make in some seconds are given up, with a sentence.

    Those that read alone: a run by hand has limits of its own. A file that is streamed is read after this.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.method not in ("GET", "HEAD"):
            return self.get_response(request)
        with limited_statements(PAGE_SECONDS):
            return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponseBase | None:
        """The page for it; the API makes its own problem of the same error."""
        if not timed_out(error):
            return None
        log.warning("page.too_slow", path=request.path, seconds=PAGE_SECONDS)
        return refuse(request, 503, too_slow(), retry_after=PAGE_SECONDS)


def too_slow() -> str:
    text = _("The database did not find it within %(seconds)d s: narrow it down with a filter, such as an instance.")
    return text % {"seconds": PAGE_SECONDS}
