"""API tokens (django-rest-knox): what is stored is a hash, and they expire."""

from datetime import timedelta
from typing import Any

import structlog
from django.db import DatabaseError, transaction
from django.utils import timezone
from knox.models import AuthToken, get_digest_token
from knox.settings import CONSTANTS, knox_settings

from whalefall.models import TokenNote

log = structlog.get_logger(__name__)

DEFAULT_DAYS: int = knox_settings.TOKEN_TTL.days
MOST_DAYS = 3650
LONGEST_NAME = 100
USE_KEPT_EVERY = timedelta(hours=1)


def end_with_password(sender: Any, instance: Any, raw: bool = False, update_fields: Any = None, **kwargs: Any) -> None:
    """Before a user is saved: with another password, or none any more, the tokens end as the logins do.

    Whoever has taken a password has maybe made a token with it. Not when a login only writes the same password anew,
    as Django does when it has become more careful with them: `_password` is what was set since the last save.
    """
    if raw or instance.pk is None or (update_fields is not None and "password" not in update_fields):
        return
    stored = sender._default_manager.filter(pk=instance.pk).values_list("password", flat=True).first()
    anew = update_fields == {"password"} and instance._password is None and instance.has_usable_password()
    if stored not in (None, instance.password) and not anew:
        AuthToken.objects.filter(user=instance).delete()


@transaction.atomic
def issue(token: Any, days: int, name: str = "") -> str:
    """Saves a new token of `token.user`, valid for so many days; gives its text, which is stored nowhere.

    `name` says what it is for. Those that have expired, of any user, are deleted: nothing else does, as a request
    only reads them.
    """
    AuthToken.objects.filter(expiry__lte=timezone.now()).delete()
    token.digest, text = get_digest_token()
    token.token_key = text[: CONSTANTS.TOKEN_KEY_LENGTH]
    token.expiry = timezone.now() + timedelta(days=days)
    token.save(force_insert=True)
    TokenNote.objects.create(token=token, name=name)
    return text


def note_use(token: Any) -> None:
    """Keeps that the token has been used, once an hour. A database that cannot keep it now keeps nobody out."""
    note, now = getattr(token, "note", None), timezone.now()
    if note is None or (note.last_used_at and now - note.last_used_at < USE_KEPT_EVERY):
        return
    try:
        TokenNote.objects.filter(pk=note.pk).update(last_used_at=now)
    except DatabaseError as error:
        log.warning("token.use_not_kept", exc_info=error)
