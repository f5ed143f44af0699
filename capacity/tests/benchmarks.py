"""The benchmark as tests run it: small, and on scratch databases that are copied."""

from io import StringIO

from django.core.management import call_command


def benchmark(*options):
    """On 2 instances with 2 databases and 8 days."""
    out = StringIO()
    small = ["--instances=2", "--databases=2", "--days=8", "--runs=1", "--rows=40", "--requests=2"]
    call_command("benchmark", *small, *options, stdout=out)
    return out.getvalue()
