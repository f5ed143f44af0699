from django.utils.formats import number_format
from django.utils.translation import gettext as _

MINUTE, HOUR = 60, 3600


def duration_text(seconds: float) -> str:
    """A time span in its two largest units: < 0.01 s, 0.04 s, 1.2 s, 12 s, 3 min 5 s, 2 h 10 min."""
    if seconds < 0.01:
        return _("< 0.01 s")
    if seconds < 10:
        places = 2 if seconds < 1 else 1
        # number_format cuts, it does not round.
        return _("%(seconds)s s") % {"seconds": number_format(round(seconds, places), places)}
    whole = round(seconds)
    if whole < MINUTE:
        return _("%(seconds)s s") % {"seconds": whole}
    if whole < HOUR:
        return _("%(minutes)d min %(seconds)d s") % {"minutes": whole // MINUTE, "seconds": whole % MINUTE}
    return _("%(hours)d h %(minutes)d min") % {"hours": whole // HOUR, "minutes": whole % HOUR // MINUTE}
