"""The look of the admin (django-unfold) and what its pages may load."""

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.utils.translation import gettext_lazy as _

UNFOLD = {
    "SITE_TITLE": "WhaleFall",
    "SITE_HEADER": "WhaleFall",
    "SITE_SUBHEADER": _("Capacity history"),
    "SITE_SYMBOL": "database",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": False,
}

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "connect-src": [SELF],
        "font-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "img-src": [SELF, "data:"],
        "manifest-src": [SELF],
        # The theme's Alpine evaluates expressions that stand in attributes.
        "script-src": [SELF, UNSAFE_EVAL],
        # The theme sets colours and sizes in style attributes.
        "style-src": [SELF, UNSAFE_INLINE],
    }
}
