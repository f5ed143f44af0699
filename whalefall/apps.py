from typing import Any

from django.apps import AppConfig, apps
from django.db.models.signals import pre_save
from django.utils.translation import gettext_lazy as _


class WhaleFallConfig(AppConfig):
    name = "whalefall"
    verbose_name = "WhaleFall"

    def ready(self) -> None:
        from . import checks  # noqa: F401  (registers them)
        from .accounts.tokens import end_with_password
        from .theme.headers import make_headers_once

        pre_save.connect(end_with_password, sender=apps.get_model("auth", "User"), dispatch_uid="end_with_password")
        _name_others()
        make_headers_once()


def _name_others() -> None:
    """Apps that have no name for people get one of ours, so that pages say it in the reader's language.

    Migrations are not concerned: they see the options that a model was written with.
    """
    apps.get_app_config("axes").verbose_name = _("Logins")
    apps.get_app_config("knox").verbose_name = _("API access")
    token = apps.get_model("knox", "AuthToken")._meta
    for name in ("AccessAttempt", "AccessLog"):
        # Their own have the time in UTC.
        setattr(apps.get_model("axes", name), "__str__", _attempt_words)  # noqa: B010
    token.verbose_name, token.verbose_name_plural = _("API token"), _("API tokens")


def _attempt_words(attempt: Any) -> str:
    from sync_sessions.admin.cells import moment
    from sync_sessions.common.words import noted

    return noted(attempt.username, moment(attempt.attempt_time))
