"""What the commands say when a run of their kind is queued, and nobody may ever take it."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from capacity.aggregation.current import CurrentAggregationRequest
from capacity.collection.ingest import Sample, ingest
from capacity.runs.kinds import COLLECTION, INSIGHT, TABLES
from capacity.runs.spec import RunSpec
from capacity.runs.start import start
from capacity.tests.factories import make_instance
from sync_sessions.choices import Service
from sync_sessions.life import give_sign

pytestmark = pytest.mark.django_db


def said(command):
    """What it printed, and its error."""
    out = StringIO()
    with pytest.raises(CommandError) as error:
        call_command(*command.split(), stdout=out)
    return f"{out.getvalue()} {error.value}"


@pytest.mark.parametrize(
    ("command", "spec"),
    [
        ("collect", lambda: RunSpec(COLLECTION)),
        ("aggregate --period daily --current", lambda: CurrentAggregationRequest().spec()),
        ("insight", lambda: RunSpec(INSIGHT)),
        ("snapshot_tables", lambda: RunSpec(TABLES)),
    ],
)
def test_it_is_called_queued_and_a_dead_worker_is_named(silent_worker, command, spec):
    instance = make_instance(host="db")
    ingest([Sample(instance.pk, "sales", timezone.now() - timedelta(days=1), 100)])
    other = start(spec(), queue=True).session
    queued = f"A run of the same kind is queued: session {other.session_id}. Wait for its end or cancel it."

    assert f"{queued} No worker has given a sign of life for 10 min" in said(command)

    give_sign(Service.WORKER)
    assert queued in said(command)
    assert "sign of life" not in said(command)
