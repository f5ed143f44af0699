"""People who use the site, each with the rights that a test gives them and no others."""

from django.contrib.auth.models import Permission, User


def user_with(*codenames, name="", **fields):
    """A new user who has these permissions, named as "view_instance"; `fields` are the user's further ones."""
    user = User.objects.create_user(name or "-".join(codenames)[:100] or "nobody", **fields)
    permissions = Permission.objects.filter(codename__in=codenames)
    assert {one.codename for one in permissions} == set(codenames), "there is no such permission"
    user.user_permissions.set(permissions)
    return user
