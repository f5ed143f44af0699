import pytest
from django.contrib.auth.models import Permission
from rest_framework.test import APIClient


@pytest.fixture
def client_with(django_user_model):
    """An API client of a user who has these permissions and no other."""

    def make(*codenames):
        user = django_user_model.objects.create_user("-".join(codenames)[:100] or "nobody")
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client = APIClient()
        client.force_login(user)
        return client

    return make
