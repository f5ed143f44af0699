import pytest
from django.contrib.auth.models import Permission
from django.core.cache import cache
from rest_framework.test import APIClient


@pytest.fixture(autouse=True)
def _nothing_counted():
    """Throttles count in the cache, and the clocks of tests stand still."""
    cache.clear()


@pytest.fixture
def client_of():
    """An API client logged in as this user, with a CSRF check as a browser gets it."""

    def make(user):
        client = APIClient()
        client.force_login(user)
        return client

    return make


@pytest.fixture
def operator(django_user_model):
    user = django_user_model.objects.create_user("operator")
    names = ["trigger_aggregation", "view_syncsession"]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    return user


@pytest.fixture
def api(client_of, operator):
    return client_of(operator)


@pytest.fixture
def client_with(client_of, django_user_model):
    """An API client of a user who has these permissions and no other."""

    def make(*codenames):
        user = django_user_model.objects.create_user("-".join(codenames)[:100] or "nobody")
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        return client_of(user)

    return make


@pytest.fixture
def reader(client_with):
    """Who may look at the period rows of both levels, and at nothing else."""
    return client_with("view_databasesizeaggregation", "view_instancesizeaggregation")
