"""The settings of the API's libraries; `whalefall.settings` takes them over."""

from datetime import timedelta

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "whalefall.api.authentication.Token",  # the first one names the scheme that a 401 asks for
        "whalefall.api.authentication.Session",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["sync_sessions.common.api.permissions.DeclaredPermission"],
    "DEFAULT_PARSER_CLASSES": ["whalefall.api.parsers.BoundedJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "whalefall.api.negotiation.StrictNegotiation",
    "DEFAULT_FILTER_BACKENDS": [
        "django_filters.rest_framework.DjangoFilterBackend",
        "sync_sessions.common.api.filters.StrictOrdering",
    ],
    "DEFAULT_THROTTLE_CLASSES": ["whalefall.api.throttles.ScopedThrottle"],
    # Per user; a view names its scope.
    "DEFAULT_THROTTLE_RATES": {"trigger": "120/min", "push": "600/min", "export": "30/min"},
    "DEFAULT_METADATA_CLASS": None,  # OPTIONS tells nothing: the schema does
    "DEFAULT_SCHEMA_CLASS": "whalefall.api.schema.ProductSchema",
    "EXCEPTION_HANDLER": "whalefall.api_errors.problem_details",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
REST_KNOX = {"TOKEN_TTL": timedelta(days=90), "AUTH_HEADER_PREFIX": "Token"}
SPECTACULAR_SETTINGS = {
    "TITLE": "WhaleFall",
    "DESCRIPTION": "Capacity history of database instances: samples in, period rows out, every run a session.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "whalefall.api.schema.name_tags",
    ],
    "ENUM_NAME_OVERRIDES": {
        "PeriodTypeEnum": "capacity.periods.PeriodType",
        "RecordStatusEnum": "sync_sessions.choices.RecordStatus",
        "RunStatusEnum": "capacity.api.serializers.RUN_STATUSES",
        "ScopeEnum": "sync_sessions.choices.Scope",
        "SessionStatusEnum": "sync_sessions.choices.SessionStatus",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}
