from argparse import ArgumentParser
from typing import Any

from cryptography.fernet import InvalidToken
from django.core.management.base import BaseCommand, CommandError
from django.db.models import TextField, Value
from django.db.models.functions import Cast
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from capacity.management.arguments import positive
from capacity.models import Instance, NotificationChannel, PrometheusSource
from capacity.models.fields import key_ring

#: Where there is text encrypted at rest; each has a name.
ENCRYPTED = (
    (Instance, "password"),
    (PrometheusSource, "secret"),
    (NotificationChannel, "address"),
    (NotificationChannel, "secret"),
)


class Command(BaseCommand):
    help = (
        "Encrypts every stored password anew with the first key of WHALEFALL_FIELD_KEYS. To change keys: put the "
        "new one first and keep the old one, restart everything, run this, remove the old one."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--batch-size", type=positive, default=500, metavar="N", help="passwords read at a time")

    def handle(self, *args: Any, **options: Any) -> None:
        rotated, lost = 0, list[str]()
        for model, name in ENCRYPTED:
            rotated += self._rotate(model, name, options["batch_size"], lost)
        self.stdout.write(
            ngettext("%(count)d password encrypted anew.", "%(count)d passwords encrypted anew.", rotated)
            % {"count": rotated}
        )
        if lost:
            raise CommandError(
                _(
                    "No key of WHALEFALL_FIELD_KEYS decrypts the password of: %(names)s. Add the key they were "
                    "written with behind the first one and run this again, or set these passwords anew."
                )
                % {"names": ", ".join(lost)}
            )

    def _rotate(self, model: Any, field: str, batch_size: int, lost: list[str]) -> int:
        # Tokens as they are stored: reading the field itself would decrypt them.
        stored = model._default_manager.annotate(token=Cast(field, TextField())).exclude(token="")
        rotated = last = 0
        while batch := list(stored.filter(pk__gt=last).order_by("pk").values_list("pk", "name", "token")[:batch_size]):
            for last, name, token in batch:
                try:
                    fresh = key_ring().rotate(token.encode()).decode()
                except InvalidToken:
                    lost.append(name)
                    continue
                # A password that was changed meanwhile has another token, made with the first key.
                rotated += stored.filter(pk=last, token=token).update(**{field: Value(fresh, TextField())})
        return rotated
