from django.conf import settings
from django.utils.translation import gettext as _

from capacity.errors import AggregationDisabled


def check_enabled() -> None:
    """Raises AggregationDisabled when WHALEFALL_AGGREGATION_ENABLED is off. The doors ask before they run anything."""
    if not settings.WHALEFALL_AGGREGATION_ENABLED:
        raise AggregationDisabled(_("Aggregation is switched off: set WHALEFALL_AGGREGATION_ENABLED=true to run it."))
