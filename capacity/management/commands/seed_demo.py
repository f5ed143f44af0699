import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.db.models import OuterRef, Subquery
from django.utils.translation import gettext as _

from capacity.demo.fleet import FLEET
from capacity.demo.seed import Seeded, seed
from capacity.errors import CapacityError
from capacity.management.output import show_table
from capacity.models import Instance, InstanceSizeStat
from capacity.units import format_bytes

LOGIN = "demo"


class Command(BaseCommand):
    help = (
        "Makes a demo fleet of 24 instances with 400 days of history, or adds the days since the last call. In "
        "development (DEBUG) also the superuser demo with the password demo, if there is no user of that name."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--force", action="store_true", help="in production as well (never makes the login)")
        parser.add_argument("--json", action="store_true", help="print what was made as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG and not options["force"]:
            raise CommandError(
                _("This is production (DEBUG=false): demo data would stand among real data. --force makes it anyway.")
            )
        try:
            seeded = seed()
        except CapacityError as error:
            raise CommandError(str(error)) from None
        login_created = settings.DEBUG and _make_login()
        if options["json"]:
            self.stdout.write(json.dumps(asdict(seeded) | {"login_created": login_created}, default=str))
            return
        self._show(seeded)
        if login_created:
            self.stdout.write(_("Log in as %(name)s with the password %(name)s.") % {"name": LOGIN})

    def _show(self, seeded: Seeded) -> None:
        columns = [_("Instance"), _("Engine"), ">" + _("Databases"), ">" + _("Size"), _("Remark")]
        show_table(self.stdout, _("Demo fleet"), columns, _fleet_rows())
        self.stdout.write(
            _(
                "%(created)d of %(instances)d instances and %(samples)s samples made; the history goes from %(first)s "
                "to %(last)s."
            )
            % {
                "created": seeded.created,
                "instances": seeded.instances,
                "samples": f"{seeded.samples:,}",
                "first": seeded.first_day,
                "last": seeded.last_day,
            }
        )


def _make_login() -> bool:
    """Makes the superuser unless somebody has the name; whether it did."""
    users = get_user_model()._default_manager
    if users.filter(**{get_user_model().USERNAME_FIELD: LOGIN}).exists():
        return False
    users.create_superuser(LOGIN, password=LOGIN)
    return True


def _fleet_rows() -> list[list[str]]:
    """The latest state of each instance of the demo."""
    notes = {one.name: one.note for one in FLEET}
    latest = InstanceSizeStat.objects.filter(instance=OuterRef("pk")).order_by("-collected_on")
    instances = Instance.objects.filter(name__in=notes).annotate(
        size=Subquery(latest.values("total_size_bytes")[:1]), count=Subquery(latest.values("database_count")[:1])
    )
    return [
        [
            one.name,
            one.get_db_type_display(),
            str(one.count or "–"),
            "–" if one.size is None else format_bytes(one.size),
            notes[one.name],
        ]
        for one in instances.order_by("db_type", "name")
    ]
