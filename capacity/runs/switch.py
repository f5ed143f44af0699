from django.conf import settings
from django.utils.translation import gettext as _

from capacity.errors import AggregationDisabled


def check_enabled() -> None:
    """Raises AggregationDisabled when WHALEFALL_AGGREGATION_ENABLED is off.

    Asked where a run begins (`life`); a door asks as well before it asks a person, or reads the marks, for nothing.
    """
    if not settings.WHALEFALL_AGGREGATION_ENABLED:
        raise AggregationDisabled(_("Aggregation is switched off: set WHALEFALL_AGGREGATION_ENABLED=true to run it."))
