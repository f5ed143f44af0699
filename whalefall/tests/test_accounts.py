"""Staff who manage users and groups give away nothing that they lack."""

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.urls import reverse

from whalefall.tests.people import user_with

pytestmark = pytest.mark.django_db

MANAGER = {f"{verb}_user" for verb in ("view", "add", "change", "delete")}
MANAGER |= {f"{verb}_group" for verb in ("view", "add", "change")} | {"view_instance"}


@pytest.fixture
def manager(client):
    """Logged in; may manage users and groups, and look at instances."""
    user = user_with(*MANAGER, name="manager", password="x", is_staff=True)
    client.force_login(user)
    return user


@pytest.fixture
def group():
    """Makes a group with the permissions of those names."""

    def make(name, *codenames):
        made = Group.objects.create(name=name)
        made.permissions.set(Permission.objects.filter(codename__in=codenames))
        return made

    return make


def url(page, *args):
    return reverse(f"admin:auth_{page}", args=args)


def form(user, **fields):
    return {"username": user.username, "is_active": "on", "is_staff": "on", **fields}


def test_an_administrator_adds_a_user_with_a_group_who_then_logs_in(client, group):
    client.force_login(User.objects.create_superuser("root"))
    viewers = group("v", "view_instance")
    page = client.get(url("user_add"))
    assert {"username", "password1", "password2"} <= set(page.context["adminform"].form.fields)
    shown = [name for fieldset in page.context["adminform"] for line in fieldset for name in line.fields]
    assert {"username", "password1", "password2"} <= set(shown)
    given = {"username": "ann", "usable_password": "true", "password1": "S3cret-enough", "password2": "S3cret-enough"}
    added = client.post(url("user_add"), given)
    ann = User.objects.get(username="ann")
    assert added.url == url("user_change", ann.pk)
    assert client.post(added.url, form(ann, groups=[viewers.pk])).status_code == 302
    client.logout()
    login = client.post(reverse("admin:login"), {"username": "ann", "password": "S3cret-enough"})
    assert login.status_code == 302
    assert client.get(reverse("admin:capacity_instance_changelist")).status_code == 200


def test_a_manager_makes_nobody_a_superuser_and_gives_no_single_permission(client, manager):
    user = User.objects.create_user("ann")
    page = client.get(url("user_change", user.pk)).content.decode()
    assert "is_superuser" not in page
    assert "user_permissions" not in page
    every = [one.pk for one in Permission.objects.all()]
    posted = form(user, is_superuser="on", user_permissions=every)
    assert client.post(url("user_change", user.pk), posted).status_code == 302
    user.refresh_from_db()
    assert (user.is_staff, user.is_superuser, user.user_permissions.count()) == (True, False, 0)


def test_a_manager_gives_the_groups_whose_permissions_they_have(client, manager, group):
    user = User.objects.create_user("ann")
    viewers, operators = group("v", "view_instance"), group("o", "add_instance")
    assert client.post(url("user_change", user.pk), form(user, groups=[viewers.pk])).status_code == 302
    assert list(user.groups.all()) == [viewers]
    refused = client.post(url("user_change", user.pk), form(user, groups=[operators.pk]))
    assert "groups" in refused.context["adminform"].form.errors
    assert list(user.groups.all()) == [viewers]


@pytest.mark.parametrize("active", [True, False])
def test_a_manager_touches_nobody_who_may_do_more(client, manager, group, active):
    more = User.objects.create_user("more", is_active=active)
    more.groups.add(group("o", "add_instance"))
    root = User.objects.create_superuser("root", is_active=active)
    for other in (more, root):
        password = dict.fromkeys(("password1", "password2"), "S3cret-enough")
        assert client.post(url("user_password_change", other.pk), password).status_code == 403
        assert client.post(url("user_change", other.pk), form(other)).status_code == 403
        assert client.post(url("user_delete", other.pk), {"post": "yes"}).status_code == 403
        before = other.password
        other.refresh_from_db()
        assert other.password == before


def test_not_even_who_has_every_permission_touches_a_superuser(client, manager):
    manager.user_permissions.set(Permission.objects.all())
    root = User.objects.create_superuser("root")
    assert client.get(url("user_change", root.pk)).status_code == 200  # to look at
    assert client.post(url("user_change", root.pk), form(root)).status_code == 403


def test_a_manager_deletes_nobody_who_may_do_more_from_the_list_either(client, manager):
    root = User.objects.create_superuser("root")
    client.post(url("user_changelist"), {"action": "delete_selected", "_selected_action": [root.pk], "post": "yes"})
    assert User.objects.filter(pk=root.pk).exists()


def test_a_manager_puts_only_own_permissions_into_a_group(client, manager, group):
    viewers, operators = group("v", "view_instance"), group("o", "add_instance")
    stronger = Permission.objects.get(codename="add_instance")
    refused = client.post(url("group_change", viewers.pk), {"name": "v", "permissions": [stronger.pk]})
    assert "permissions" in refused.context["adminform"].form.errors
    assert client.post(url("group_change", operators.pk), {"name": "mine"}).status_code == 403
    assert set(operators.permissions.all()) == {stronger}


def test_a_manager_changes_a_password_and_the_forms_are_the_themes(client, manager):
    user = User.objects.create_user("ann", password="x")
    page = client.get(url("user_password_change", user.pk)).content.decode()
    assert 'name="password1"' in page
    assert "border-base-200" in page
    new = "S3cret-enough"
    client.post(url("user_password_change", user.pk), {"password1": new, "password2": new, "usable_password": "true"})
    user.refresh_from_db()
    assert user.check_password(new)


def test_a_superuser_gives_everything(admin_client):
    user, one = User.objects.create_user("ann"), Permission.objects.get(codename="add_instance")
    posted = form(user, is_superuser="on", user_permissions=[one.pk])
    assert admin_client.post(url("user_change", user.pk), posted).status_code == 302
    user.refresh_from_db()
    assert (user.is_superuser, list(user.user_permissions.all())) == (True, [one])
