"""Who may do what: every view declares the permission of each of its actions."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework.permissions import BasePermission
from rest_framework.request import Request


class DeclaredPermission(BasePermission):
    """Deny by default: a view declares in `required_permissions` what each of its actions needs."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not request.user or not request.user.is_authenticated:
            return False
        action = getattr(view, "action", None)
        if action in (None, "metadata"):
            return True  # no action for this method (metadata is OPTIONS): the view answers 405
        needed = getattr(view, "required_permissions", {}).get(action)
        self.message = _("You need the permission %(name)s.") % {"name": needed}
        return needed is not None and request.user.has_perm(needed)


def model_permissions(label: str, *actions: str) -> dict[str, str]:
    """{action: permission} of a model by the name of its actions; `label` is "app.model".

    All of the standard actions when none is named.
    """
    app, model = label.split(".")
    verbs = {"list": "view", "retrieve": "view", "create": "add", "update": "change", "partial_update": "change"}
    verbs["destroy"] = "delete"
    return {action: f"{app}.{verbs[action]}_{model}" for action in actions or verbs}
