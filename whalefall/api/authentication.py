from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox.auth import TokenAuthentication
from knox.crypto import hash_token
from knox.models import AuthToken
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from whalefall.accounts.tokens import note_use


class Token(TokenAuthentication):
    """`Authorization: Token ...` or, as most clients send it, `Authorization: Bearer ...`."""

    def authenticate(self, request: Request) -> Any:
        """The user and the row of a valid token; any other token is one and the same 401.

        By the hash, the key of the row: knox's own looks at every token of the user and deletes expired ones,
        which two requests at once would both do.
        """
        scheme, _blank, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() not in ("token", "bearer"):
            return None
        valid = AuthToken.objects.filter(expiry__gt=timezone.now(), user__is_active=True)
        found = valid.filter(digest=hash_token(token.strip())).select_related("user", "note").first()
        if found is None:
            text = _("The token is not valid: it is wrong, revoked or expired, or its user is inactive.")
            raise AuthenticationFailed(text, code="invalid_token")
        note_use(found)
        return found.user, found


class Session(SessionAuthentication):
    """The login of the admin, for pages of this site; what changes something needs the CSRF token."""

    def enforce_csrf(self, request: Request) -> None:
        try:
            super().enforce_csrf(request)
        except PermissionDenied:
            text = _("A request of a logged-in page needs the CSRF token: send it in the header X-CSRFToken.")
            raise PermissionDenied(text, code="csrf_failed") from None


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = "whalefall.api.authentication.Token"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A token of the API, made in the admin under API tokens.",
        }


class SessionScheme(OpenApiAuthenticationExtension):
    target_class = "whalefall.api.authentication.Session"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": settings.SESSION_COOKIE_NAME,
            "description": "The login of the admin. What changes something needs the header `X-CSRFToken` as well.",
        }
