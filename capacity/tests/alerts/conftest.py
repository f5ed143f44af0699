import pytest

from capacity.models import AlertRule


@pytest.fixture(autouse=True)
def _no_default_rules(request):
    """Tests make their own."""
    if request.node.get_closest_marker("django_db"):
        request.getfixturevalue("db")
        AlertRule.objects.all().delete()
