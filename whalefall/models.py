from django.db import models
from knox.models import AuthToken


class RequestCount(models.Model):
    """How many requests somebody has made in the present window of a limit: see `whalefall.counting`."""

    name = models.CharField(max_length=128, primary_key=True)
    began_at = models.BigIntegerField(db_index=True)
    requests = models.PositiveIntegerField()

    class Meta:
        db_table = "request_counts"
        default_permissions = ()


class TokenNote(models.Model):
    """What knox does not keep of a token: what it is for, and when it was used last, to the hour."""

    token = models.OneToOneField(AuthToken, on_delete=models.CASCADE, primary_key=True, related_name="note")
    name = models.CharField(max_length=100, blank=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "token_notes"
        default_permissions = ()
