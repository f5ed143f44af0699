from threading import Lock
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _
from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

#: Making a schema loads drf-spectacular's extensions and changes views on the way: not for two threads at once.
MAKING = Lock()
#: {(language, media type): the file and its headers}: a part of the code that takes a second to make.
MADE: dict[tuple[str, str], tuple[bytes, dict[str, str]]] = {}


class SchemaView(SpectacularAPIView):
    """JSON unless YAML is asked for, in the language of `lang` or of the browser; made when it is first asked for."""

    renderer_classes = [OpenApiJsonRenderer2, OpenApiJsonRenderer, OpenApiYamlRenderer2, OpenApiYamlRenderer]

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        allowed = {"format", "lang"}
        unknown = sorted(set(request.query_params) - allowed)
        if unknown:
            text = _("There is no such query parameter; there are: %(known)s.") % {"known": ", ".join(sorted(allowed))}
            raise ValidationError({name: [text] for name in unknown}, code="unknown_parameter")
        languages = dict(settings.LANGUAGES)
        if request.query_params.get("lang", "en") not in languages:
            text = _("There is no such language; there are: %(known)s.") % {"known": ", ".join(languages)}
            raise ValidationError({"lang": [text]}, code="invalid_language")
        language = request.query_params.get("lang") or get_language() or "en"
        key = (language, request.accepted_renderer.media_type)
        with MAKING:
            if key not in MADE:
                with override(language):
                    made = self.finalize_response(request, super().get(request, *args, **kwargs)).render()
                MADE[key] = made.content, dict(made.headers)
        content, headers = MADE[key]
        return HttpResponse(content, headers=headers)
