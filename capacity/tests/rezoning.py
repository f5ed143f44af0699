"""The rezone command as tests call it, and what it leaves."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from capacity.models import DatabaseSizeStat


def rezone(*options):
    """The lines that the command writes."""
    out = StringIO()
    call_command("rezone", *options, stdout=out)
    return out.getvalue().splitlines()


def refused(*options):
    """The sentence that the command ends with."""
    with pytest.raises(CommandError) as error:
        call_command("rezone", *options, stdout=StringIO(), stderr=StringIO())
    return str(error.value)


def days_of_samples():
    return list(DatabaseSizeStat.objects.order_by("collected_at", "pk").values_list("collected_on", flat=True))
