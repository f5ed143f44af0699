"""API tokens (django-rest-knox): what is stored is a hash, and they expire."""

from datetime import timedelta
from typing import Any

from django.utils import timezone
from knox.models import AuthToken, get_digest_token
from knox.settings import CONSTANTS, knox_settings

DEFAULT_DAYS: int = knox_settings.TOKEN_TTL.days
MOST_DAYS = 3650


def issue(token: Any, days: int) -> str:
    """Saves a new token of `token.user`, valid for so many days; gives its text, which is stored nowhere.

    Those that have expired, of any user, are deleted: nothing else does, as a request only reads.
    """
    AuthToken.objects.filter(expiry__lte=timezone.now()).delete()
    token.digest, text = get_digest_token()
    token.token_key = text[: CONSTANTS.TOKEN_KEY_LENGTH]
    token.expiry = timezone.now() + timedelta(days=days)
    token.save(force_insert=True)
    return text
