"""The one field type of our own: text encrypted at rest."""

from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as _

from capacity.errors import FieldKeyError

DUMPED = "encrypted:"  #: stands before a token in the files of dumpdata


@lru_cache(maxsize=1)
def _ring(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def key_ring() -> MultiFernet:
    """The keys of WHALEFALL_FIELD_KEYS: the first encrypts, all decrypt."""
    return _ring(tuple(settings.WHALEFALL_FIELD_KEYS))


def validate_text(value: str) -> None:
    """No driver takes a NUL, and half a character (a lone surrogate) cannot be encoded."""
    if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise ValidationError(_("It has characters in it that cannot be stored."), code="invalid")


class EncryptedTextField(models.TextField):
    """Text that is a Fernet token in the database and plain in Python; "" stays "".

    Reading a value that no key decrypts raises FieldKeyError, so lists `defer()` it. It cannot be
    looked up: the same text gives another token each time. dumpdata writes the token, loaddata reads it
    with the keys of its own settings.
    """

    default_validators = [validate_text]

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return key_ring().encrypt(value.encode()).decode() if value else value

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        if not value:
            return value
        try:
            return key_ring().decrypt(value.encode()).decode()
        except InvalidToken:
            raise FieldKeyError(
                _("A stored password cannot be decrypted: add the key it was written with to WHALEFALL_FIELD_KEYS.")
            ) from None

    def value_to_string(self, obj: models.Model) -> str:
        value = self.value_from_object(obj)
        return DUMPED + self.get_prep_value(value) if value else ""

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)
        if not value or not value.startswith(DUMPED):
            return value
        try:
            return key_ring().decrypt(value.removeprefix(DUMPED).encode()).decode()
        except InvalidToken:
            raise ValidationError(
                _("An encrypted password cannot be decrypted: add its key to WHALEFALL_FIELD_KEYS."), code="invalid"
            ) from None

    def get_lookup(self, lookup_name: str) -> Any:
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None
