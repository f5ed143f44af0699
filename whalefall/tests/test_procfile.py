"""What `make stack` starts."""

from pathlib import Path

import pytest
from django.conf import settings
from honcho.environ import parse_procfile

pytestmark = pytest.mark.unit


def test_it_is_the_site_where_it_is_told_a_worker_and_beat():
    processes = parse_procfile(Path(settings.BASE_DIR, ".Procfile").read_text()).processes
    # The first one gets the port that honcho is told, the next ones others.
    assert list(processes) == ["web", "worker", "beat"]
    assert processes["web"].endswith(" runserver $HOST:$PORT")
