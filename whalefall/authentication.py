from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request


class SessionOrUnauthorized(SessionAuthentication):
    """The admin's login, with CSRF. Names a scheme, so that an anonymous caller gets 401 and not 403."""

    def authenticate_header(self, request: Request) -> str:
        return "Session"
