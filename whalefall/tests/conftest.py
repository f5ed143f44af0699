import pytest
from django.utils import translation


@pytest.fixture(autouse=True)
def _in_english():
    """A request in Chinese leaves its language to its thread, which is that of the next test."""
    with translation.override("en"):
        yield
