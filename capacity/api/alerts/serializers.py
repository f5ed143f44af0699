from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework import serializers

from capacity.alerts import wording
from capacity.models import Alert
from sync_sessions.common.api.fields import StrictFields, TextField

MAX_NOTE = 2000


class AlertSerializer(serializers.ModelSerializer[Alert]):
    """An alert; `text` is its sentence in the reader's language, `facts` what it is made of."""

    title = serializers.SerializerMethodField()
    text = serializers.SerializerMethodField()
    facts = serializers.JSONField(source="params", read_only=True)
    rule = serializers.CharField(source="rule_name", read_only=True)
    acknowledged_by = serializers.CharField(
        source="acknowledged_by.username", default=None, allow_null=True, read_only=True
    )

    class Meta:
        model = Alert
        fields = [
            "id",
            "rule",
            "kind",
            "severity",
            "status",
            "instance",
            "instance_name",
            "database_name",
            "title",
            "text",
            "value",
            "threshold_value",
            "facts",
            "opened_at",
            "last_seen_on",
            "reopened",
            "acknowledged_by",
            "acknowledged_at",
            "note",
            "silenced_until",
            "resolved_at",
        ]
        read_only_fields = fields

    def get_title(self, alert: Alert) -> str:
        return wording.title(alert)

    def get_text(self, alert: Alert) -> str:
        return wording.sentence(alert)


class NoteSerializer(StrictFields):
    note = TextField(required=False, allow_blank=True, max_length=MAX_NOTE, default="")


class SilenceSerializer(NoteSerializer):
    until = serializers.DateTimeField(help_text="With its offset, later than now.")

    def validate_until(self, until: Any) -> Any:
        if until <= timezone.now():
            raise serializers.ValidationError(_("Give a time that is still to come."))
        return until
