"""What every endpoint has in common."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.viewsets import GenericViewSet

from .filters import Repeatable
from .pagination import Pages


class BaseViewSet(GenericViewSet[Any]):
    """Refuses query parameters that it does not know, or gets twice: a misspelt filter would else show everything."""

    #: {action: permission}, such as {"list": "capacity.view_instance"}
    required_permissions: Mapping[str, str] = {}
    #: The actions that give a list: they take the parameters of pages, filters and order.
    list_actions: tuple[str, ...] = ("list",)
    #: {action: the query parameters it takes beside those of filters and pages}
    extra_parameters: Mapping[str, tuple[str, ...]] = {}
    pagination_class = Pages
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]  # OPTIONS tells nothing: the schema does
    throttle_scope: str | None = None  #: an action may give its own

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        allowed = self.allowed_parameters()
        unknown = sorted(set(request.query_params) - set(allowed))
        if unknown:
            text = _("There is no such query parameter; there are: %(known)s.") % {"known": ", ".join(allowed)}
            if not allowed:
                text = _("This address takes no query parameters.")
            raise ValidationError({name: [text] for name in unknown}, code="unknown_parameter")
        twice = {name for name, values in request.query_params.lists() if len(values) > 1}
        if twice := twice - self.repeatable_parameters():
            text = _("Give this parameter once.")
            raise ValidationError({name: [text] for name in sorted(twice)}, code="repeated_parameter")

    def allowed_parameters(self) -> list[str]:
        """The names of the query parameters of this action."""
        names = list(self.extra_parameters.get(self.action or "", ()))
        if self.action in self.list_actions:
            names += [Pages.page_query_param, str(Pages.page_size_query_param)]
            if getattr(self, "ordering_fields", None):
                names.append(api_settings.ORDERING_PARAM)
            if filters := getattr(self, "filterset_class", None):
                names += filters.base_filters
        return sorted(names)

    def repeatable_parameters(self) -> set[str]:
        """Those of which several values are taken: any of them."""
        filters = getattr(self, "filterset_class", None)
        known = filters.base_filters if filters else {}
        return {name for name, one in known.items() if isinstance(one, Repeatable)}
