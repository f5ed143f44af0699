"""Words and links that the parts of the dashboard share."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from capacity.periods import PERIOD_CONFIG

#: Of the kinds of run: a period type, or the collection.
LABELS: dict[str, Any] = {config.key: config.label for config in PERIOD_CONFIG} | {"collection": _("Collection")}
SHOWN = 20  #: of lists that may be as long as the fleet; the rest is counted


def instance_url(pk: int) -> str:
    return reverse("admin:capacity_instance_change", args=[pk])
