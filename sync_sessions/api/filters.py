from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.filters import OrderingFilter


class StrictOrdering(OrderingFilter):
    """`ordering` by the fields that a view names in `ordering_fields`; another one is a 400, not the default order.

    The key is added as the last column, so that no row stands on two pages.
    """

    def get_ordering(self, request: Any, queryset: Any, view: Any) -> Any:
        asked = request.query_params.get(self.ordering_param, "")
        fields = getattr(view, "ordering_fields", None) or ()
        names = [name.strip() for name in asked.split(",") if name.strip()]
        if not names or not fields:
            return self.get_default_ordering(view)
        for name in names:
            if name.removeprefix("-") not in fields:
                text = _("%(name)s is no field to order by; there are: %(known)s.")
                raise ValidationError(
                    {self.ordering_param: [text % {"name": repr(name), "known": ", ".join(fields)}]},
                    code="invalid_ordering",
                )
        last = names[-1]
        return [*names, "-id" if last.startswith("-") else "id"]

    def get_schema_operation_parameters(self, view: Any) -> Any:
        if not getattr(view, "ordering_fields", None):
            return []
        return super().get_schema_operation_parameters(view)
