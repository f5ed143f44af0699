from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox.auth import TokenAuthentication
from rest_framework.authentication import get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request


class Token(TokenAuthentication):
    """`Authorization: Token ...` or, as most clients send it, `Authorization: Bearer ...`."""

    def authenticate(self, request: Request) -> Any:
        scheme, _blank, token = get_authorization_header(request).partition(b" ")
        if scheme.lower() not in (b"token", b"bearer"):
            return None
        try:
            token.decode("ascii")
        except UnicodeDecodeError:
            raise AuthenticationFailed(_("Invalid token.")) from None
        return self.authenticate_credentials(token.strip())


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = "whalefall.authentication.Token"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}
