import pytest
from rest_framework.test import APIClient

from whalefall.tests.people import user_with


@pytest.fixture
def client_of():
    """An API client logged in as this user, with a CSRF check as a browser gets it."""

    def make(user):
        client = APIClient()
        client.force_login(user)
        return client

    return make


@pytest.fixture
def operator(db):
    return user_with("trigger_aggregation", "view_syncsession", name="operator")


@pytest.fixture
def api(client_of, operator):
    return client_of(operator)


@pytest.fixture
def admin_api(client_of, admin_user):
    """Who may do everything."""
    return client_of(admin_user)


@pytest.fixture
def reader(client_with):
    """Who may look at the period rows of both levels, and at nothing else."""
    return client_with("view_databasesizeaggregation", "view_instancesizeaggregation")
