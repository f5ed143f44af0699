from datetime import timedelta

import pytest
from django.utils import timezone

from capacity.collection.ingest import Sample, ingest
from capacity.tests.factories import make_instance

from .staff import logged_in


@pytest.fixture
def fleet():
    instances = [make_instance(f"pg-{number}") for number in range(3)]
    at = timezone.now() - timedelta(seconds=1)
    ingest([Sample(one.pk, "sales", at, 100) for one in instances])
    return instances


@pytest.fixture
def operator(db):
    return logged_in("view_instance", "trigger_aggregation", "view_syncsession")
