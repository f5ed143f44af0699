from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from capacity.api.fields import TagsField
from capacity.api.insight.serializers import BriefForecastSerializer
from capacity.api.states import InstanceStateSerializer, LimitUseSerializer
from capacity.collection import hosts
from capacity.collection.password_rule import is_less_protected, must_repeat_password
from capacity.collection.validation import clean_name, clean_text
from capacity.insight.outlook import INSTANCES, outlooks
from capacity.inventory import rules
from capacity.models import Instance
from sync_sessions.api.serializers import SyncSessionSerializer
from sync_sessions.choices import RecordStatus, SessionStatus
from sync_sessions.common.api.fields import STRICT_FIELDS, StrictFields
from sync_sessions.tellable import may_see_servers

MAX_DESCRIPTION = 10_000
MAX_PASSWORD = 1000
MAX_CERTIFICATES = 500_000
SERVER = ("host", "port", "username")  #: where it is and who logs in there


def with_outlooks(instances: list[Any]) -> None:
    """Adds its limit and forecast to each, as `outlook`. At most six queries."""
    found = outlooks(INSTANCES.level, [(one.pk, "") for one in instances])
    for one in instances:
        one.outlook = found[one.pk, ""]


class InstanceSerializer(StrictFields, serializers.ModelSerializer[Instance]):
    """An instance. `password` is never in an answer; without one, or with "", the stored one is kept.

    `host`, `port` and `username` are left out for who is neither staff nor may change instances.
    """

    serializer_field_mapping = STRICT_FIELDS
    tags = TagsField(required=False, help_text="The names of its tags.")
    state = InstanceStateSerializer(
        read_only=True, allow_null=True, help_text="How it is now, from its samples; null before the first one."
    )
    limit = LimitUseSerializer(source="outlook.usage", read_only=True, allow_null=True)
    forecast = BriefForecastSerializer(source="outlook.forecast", read_only=True, allow_null=True)

    class Meta:
        model = Instance
        fields = [
            "id",
            "name",
            "db_type",
            "host",
            "port",
            "database_name",
            "username",
            "password",
            "tls_mode",
            "tls_ca",
            "description",
            "tags",
            "is_active",
            "created_at",
            "updated_at",
            "state",
            "limit",
            "forecast",
        ]
        read_only_fields = ["created_at", "updated_at"]
        extra_kwargs = {
            "password": {"write_only": True, "trim_whitespace": False, "max_length": MAX_PASSWORD},
            "tls_ca": {"max_length": MAX_CERTIFICATES},
            "description": {"max_length": MAX_DESCRIPTION},
        }

    def to_representation(self, instance: Any) -> Any:
        if not hasattr(instance, "outlook"):  # one, not a page of them
            with_outlooks([instance])
        data = super().to_representation(instance)
        request = self.context.get("request")
        if request and not may_see_servers(request.user):
            for name in SERVER:
                data.pop(name)
        return data

    def validate_name(self, name: str) -> str:
        return clean_name(name)

    def validate_host(self, host: str) -> str:
        if host:
            hosts.check_name(host)
        return host

    def validate_tls_ca(self, pem: str) -> str:
        rules.check_tls_ca(pem)
        return pem

    def validate_database_name(self, name: str) -> str:
        return clean_text(name)

    def validate_username(self, name: str) -> str:
        return clean_text(name)

    def validate(self, attrs: Any) -> Any:
        if not attrs.get("password"):
            attrs.pop("password", None)
            stored = self.instance
            if isinstance(stored, Instance):
                where = (attrs.get(name, getattr(stored, name)) for name in ("db_type", "host", "port"))
                if must_repeat_password(stored, *where):
                    text = _("Give the password again, as the engine, host or port is another.")
                    raise serializers.ValidationError({"password": [text]}, code="password_required")
                tls = (attrs.get(name, getattr(stored, name)) for name in ("tls_mode", "tls_ca"))
                if is_less_protected(stored, *tls):
                    text = _("TLS protects the connection less than before: type the password again.")
                    raise serializers.ValidationError({"password": [text]}, code="password_required")
        return attrs


class UnsizedSerializer(serializers.Serializer[Any]):
    database = serializers.CharField()
    reason = serializers.CharField()


class OutcomeSerializer(serializers.Serializer[Any]):
    """How one server ended."""

    instance_id = serializers.IntegerField()
    instance_name = serializers.CharField()
    engine = serializers.CharField()
    status = serializers.ChoiceField(choices=RecordStatus.choices)
    databases = serializers.IntegerField()
    total_size_bytes = serializers.IntegerField()
    not_sized = UnsizedSerializer(many=True)
    notes = serializers.ListField(child=serializers.CharField())
    error_code = serializers.CharField(allow_blank=True)
    reason = serializers.CharField(allow_blank=True)


class CollectionResultSerializer(serializers.Serializer[Any]):
    """What a collection gives: how each server ended, and its session."""

    status = serializers.ChoiceField(choices=SessionStatus.choices)
    message = serializers.CharField()
    instances = OutcomeSerializer(many=True)
    session = SyncSessionSerializer()
