from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _

from whalefall.refusals import refuse


class BodyLimit:
    """Refuses a body by its announced size before anything reads it, whoever sends it and wherever to.

    Django limits only what it keeps in memory: the files of a multipart body it writes to disk first, for nobody, at
    any address. A body that announces no size (chunked) is refused as well: WSGI has no way to bound it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if "Transfer-Encoding" in request.headers:
            return refuse(request, 411, _("Send the body with its Content-Length: it was sent in chunks."))
        length = str(request.META.get("CONTENT_LENGTH") or 0)
        if not length.isascii() or not length.isdigit():
            return refuse(request, 400, _("The Content-Length is no number."))
        if len(length) > 18 or int(length) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            return refuse(request, 413, _("The body is too large: send less at once."))
        return self.get_response(request)
