from django.db import models


class RequestCount(models.Model):
    """How many requests somebody has made in the present window of a limit: see `whalefall.counting`."""

    name = models.CharField(max_length=128, primary_key=True)
    began_at = models.BigIntegerField(db_index=True)
    requests = models.PositiveIntegerField()

    class Meta:
        db_table = "request_counts"
        default_permissions = ()
