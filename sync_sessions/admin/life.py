"""What pages say of a worker or a beat that is silent."""

from django.utils.translation import gettext as _

from sync_sessions.choices import Service
from sync_sessions.common.durations import duration_text
from sync_sessions.life import Sign


def silence_text(sign: Sign) -> str:
    """For how long, what comes of it, and what to do."""
    names = {"service": f"whalefall-{sign.service}"}
    if sign.age is None:
        if sign.service == Service.WORKER:
            return _("No worker has ever run: what is queued waits. Start the service %(service)s.") % names
        return _("Beat has never run: no schedule runs. Start the service %(service)s.") % names
    names["time"] = duration_text(sign.age.total_seconds())
    if sign.service == Service.WORKER:
        text = _(
            "No worker has given a sign of life for %(time)s: what is queued waits. Check the service %(service)s."
        )
    else:
        text = _("Beat has given no sign of life for %(time)s: no schedule runs. Check the service %(service)s.")
    return text % names
