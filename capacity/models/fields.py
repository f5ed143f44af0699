"""The one field type of our own: text encrypted at rest."""

from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.query_utils import DeferredAttribute
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


class Token(str):
    """An encrypted text as it stands in the database."""

    def decrypt(self) -> str:
        """Raises FieldKeyError when no key of WHALEFALL_FIELD_KEYS decrypts it."""
        try:
            return key_ring().decrypt(self.encode()).decode()
        except InvalidToken:
            raise FieldKeyError(
                _("A stored password cannot be decrypted: add the key it was written with to WHALEFALL_FIELD_KEYS.")
            ) from None


class DecryptedOnAccess(DeferredAttribute):
    """The attribute of an EncryptedTextField: the loaded object holds the token, who asks gets the text."""

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        value = super().__get__(instance, cls)
        return value.decrypt() if isinstance(value, Token) else value

    def __set__(self, instance: models.Model, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


class EncryptedTextField(models.TextField):
    """Text that is a Fernet token in the database and plain in Python; "" stays "".

    It is decrypted when the attribute is read, never when a row is loaded: a value that no key decrypts
    raises FieldKeyError for whoever needs that value (refresh_from_db() of it included) and breaks no list.
    values() gives the token. Saving an object whose text was not set leaves the stored one as it is. It
    cannot be looked up: the same text gives another token each time. dumpdata writes the token, loaddata
    reads it with the keys of its own settings.
    """

    descriptor_class = DecryptedOnAccess
    default_validators = [validate_text]

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return Token(value) if value else value

    def get_prep_value(self, value: Any) -> Any:
        if isinstance(value, Token):
            return str(value)
        value = super().get_prep_value(value)
        return key_ring().encrypt(value.encode()).decode() if value else value

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        stored = model_instance.__dict__.get(self.attname)
        if not isinstance(stored, Token):
            return super().pre_save(model_instance, add)
        # The column itself: with a new key it may have another token since the row was loaded, which stays.
        return stored if add else models.F(self.attname)

    def value_from_object(self, obj: models.Model) -> Any:
        """For dumpdata: the token of an object that was loaded."""
        return obj.__dict__.get(self.attname) or super().value_from_object(obj)

    def value_to_string(self, obj: models.Model) -> str:
        value = self.value_from_object(obj)
        return DUMPED + self.get_prep_value(value) if value else ""

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)
        if not value or not value.startswith(DUMPED):
            return value
        try:
            return Token(value.removeprefix(DUMPED)).decrypt()
        except FieldKeyError:
            raise ValidationError(
                _("An encrypted password cannot be decrypted: add its key to WHALEFALL_FIELD_KEYS."), code="invalid"
            ) from None

    def get_lookup(self, lookup_name: str) -> Any:
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None
