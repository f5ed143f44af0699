"""What the roll-up asks of PostgreSQL alone."""

from django.db import connection


def set_chunk_limits(seconds: float) -> None:
    """For the rest of this transaction on PostgreSQL: no statement longer than this.

    Foreign keys are checked by each statement, not at the commit, so that an instance deleted meanwhile is
    that instance's failure. JIT is off: compiling costs a fifth of a chunk's time and gains nothing. work_mem is
    enough for a chunk's groups, which PostgreSQL underestimates and would sort on disk (a sixth of the time).
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SET CONSTRAINTS ALL IMMEDIATE; SET LOCAL jit = off; SET LOCAL work_mem = '32MB'; "
                "SET LOCAL statement_timeout = %s",
                [int(seconds * 1000)],
            )
