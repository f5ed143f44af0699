from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.negotiation import DefaultContentNegotiation


class StrictNegotiation(DefaultContentNegotiation):
    """A `format` that the address does not have is a wrong parameter; DRF would say that there is no such address."""

    def filter_renderers(self, renderers: Iterable[Any], format: str) -> list[Any]:
        renderers = list(renderers)
        found = [renderer for renderer in renderers if renderer.format == format]
        if not found:
            known = ", ".join(sorted({renderer.format for renderer in renderers}))
            text = _("There is no such format; there are: %(known)s.") % {"known": known}
            raise ValidationError({"format": [text]}, code="invalid_format")
        return found
