from typing import Any

from django.utils.translation import gettext as _

from capacity.errors import ScopeError
from sync_sessions.choices import Scope


def parse_scope(value: Any) -> str:
    """The scope that a caller means: None and blank are all, case does not matter. ScopeError for the rest."""
    if value is None:
        return Scope.ALL.value
    if isinstance(value, str):
        word = value.strip().lower() or Scope.ALL.value
        if word in Scope.values:
            return word
    raise ScopeError(_("scope must be one of instance, database, all"))
