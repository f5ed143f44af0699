"""Words and links that the parts of the dashboard share."""

from django.urls import reverse

SHOWN = 20  #: of lists that may be as long as the fleet; the rest is counted


def instance_url(pk: int) -> str:
    return reverse("admin:capacity_instance_change", args=[pk])
