"""Users of the roles that the migration makes. A test that empties the tables takes the groups with it."""

from importlib import import_module
from types import SimpleNamespace

from django.apps import apps
from django.contrib.auth.models import Group, User
from django.db import connection
from knox.models import AuthToken

from whalefall.accounts.tokens import issue

ROLES = ("viewer", "operator", "administrator")

STEPS = (
    import_module("whalefall.migrations.0001_roles").create_roles,
    import_module("whalefall.migrations.0003_insight_rights").grant,
    import_module("whalefall.migrations.0004_alert_roles").grant,
    import_module("whalefall.migrations.0005_prometheus_rights").grant,
)


def make_roles():
    """What the migrations do, again."""
    for step in STEPS:
        step(apps, SimpleNamespace(connection=connection))


def user_of(role, **fields):
    """A new user in the group of that role; in none when there is no such role."""
    if Group.objects.filter(name__in=ROLES).count() < len(ROLES):
        make_roles()
    user = User.objects.create_user(role, **fields)
    if role in ROLES:
        user.groups.add(Group.objects.get(name=role))
    return user


def token_of(user, days=1):
    return issue(AuthToken(user=user), days)
