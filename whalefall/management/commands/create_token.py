import json
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext as _
from knox.models import AuthToken

from capacity.collection.validation import clean_text
from capacity.errors import InputError
from whalefall.accounts.tokens import DEFAULT_DAYS, LONGEST_NAME, MOST_DAYS, issue


class Command(BaseCommand):
    help = "Makes a token for the API and prints it. It is shown this once: only its hash is stored."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help="name of the user whose permissions the token has")
        parser.add_argument("--days", type=int, default=DEFAULT_DAYS, metavar="N", help="how long it is valid (90)")
        parser.add_argument("--name", default="", help="what it is for; the list of tokens in the admin shows it")
        parser.add_argument("--json", action="store_true", help="print user, name, token and expiry as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        name, days, purpose = options["user"], options["days"], options["name"]
        if not 1 <= days <= MOST_DAYS:
            raise CommandError(_("--days must be from 1 to %(most)d.") % {"most": MOST_DAYS})
        if len(purpose) > LONGEST_NAME:
            raise CommandError(_("--name must have at most %(most)d characters.") % {"most": LONGEST_NAME})
        try:
            clean_text(purpose)
        except InputError as error:
            raise CommandError(str(error)) from None
        user = get_user_model().objects.filter(username=name).first()
        if user is None:
            raise CommandError(_("There is no user %(name)s: make one in the admin first.") % {"name": name})
        if not user.is_active:
            raise CommandError(
                _("The user %(name)s is inactive, so a token would open nothing: activate it first.") % {"name": name}
            )
        token = AuthToken(user=user)
        text = issue(token, days, purpose)
        expiry = timezone.localtime(token.expiry).replace(microsecond=0)
        if options["json"]:
            self.stdout.write(json.dumps({"user": name, "name": purpose, "token": text, "expiry": expiry.isoformat()}))
            return
        self.stdout.write(text)
        # Apart, so that TOKEN=$(manage.py create_token USER) takes the token alone.
        self.stderr.write(
            _("Valid for %(name)s until %(expiry)s. Keep it now: it is not shown again.")
            % {"name": name, "expiry": expiry.isoformat(" ", "minutes")},
            style_func=str,
        )
