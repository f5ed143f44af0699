import pytest
from django.contrib.auth.models import Permission
from rest_framework.test import APIClient


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
