"""Settings, all from the environment (`.env` is read if present). README.md lists them.

Without any variable this is the embedded mode: DEBUG, a SQLite file, no broker. DEBUG=false is production:
it does not start without SECRET_KEY, WHALEFALL_FIELD_KEYS and ALLOWED_HOSTS.
"""

import os
import tempfile
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from whalefall.api import config as api
from whalefall.env import (
    boolean,
    database,
    host_name,
    listed,
    mail,
    read_file,
    redis_url,
    setting,
    site_url,
    time_zone,
    whole,
)
from whalefall.logging import logging_config
from whalefall.theme import unfold as theme

BASE_DIR = Path(__file__).resolve().parent.parent
# pytest sets this for itself and its children: a developer's .env must not change what the tests say.
if "PYTEST_VERSION" not in os.environ:
    read_file(BASE_DIR / ".env")

DEBUG = boolean("DEBUG", True)


def required_in_production(name: str, value: str | list[str], how: str) -> None:
    if not DEBUG and not value:
        raise ImproperlyConfigured(f"{name} is not set: production (DEBUG=false) needs it. {how}")


# Security
SECRET_KEY = setting("SECRET_KEY", "", str, "a long random text")
required_in_production("SECRET_KEY", SECRET_KEY, "Set a long random text and keep it secret.")
if not DEBUG and len(SECRET_KEY) < 50:
    raise ImproperlyConfigured("SECRET_KEY is too short: set a random text of at least 50 characters.")
SECRET_KEY = SECRET_KEY or "development-only-" + "0" * 40
ALLOWED_HOSTS = listed(
    "ALLOWED_HOSTS",
    host_name,
    "the host names of the site separated by commas, without https://, port or path",
)
required_in_production("ALLOWED_HOSTS", ALLOWED_HOSTS, "Set the host names of the site, separated by commas.")
WHALEFALL_FIELD_KEYS = listed(
    "WHALEFALL_FIELD_KEYS",
    Fernet,
    "Fernet keys (32 bytes in URL-safe base64) separated by commas; the first encrypts, all decrypt",
    secret=True,
)
required_in_production(
    "WHALEFALL_FIELD_KEYS",
    WHALEFALL_FIELD_KEYS,
    'Make one: python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())".',
)
# A fixed key keeps a development database readable from one start to the next.
WHALEFALL_FIELD_KEYS = WHALEFALL_FIELD_KEYS or ["ZGV2ZWxvcG1lbnQtb25seS1kZXZlbG9wbWVudC1vbmw="]

SESSION_COOKIE_AGE = int(timedelta(hours=8).total_seconds())
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
SECURE_HSTS_SECONDS = 0 if DEBUG else int(timedelta(days=365).total_seconds())
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not DEBUG
# Asked over plain HTTP by whoever watches this process.
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
LOGIN_REDIRECT_URL = "admin:index"
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_HANDLER = "whalefall.accounts.lockout.CountedTries"
AXES_CLIENT_IP_CALLABLE = "whalefall.accounts.address.client_address"
AXES_LOCKOUT_CALLABLE = "whalefall.accounts.lockout.locked_out"
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # the page says until when
AXES_ENABLE_ADMIN = False  # whalefall.admin has them in the theme
AXES_VERBOSE = False  # no line about itself at every start

# Product
WHALEFALL_TIME_ZONE = time_zone("WHALEFALL_TIME_ZONE", "Asia/Shanghai")
WHALEFALL_CHUNK_SIZE = whole("WHALEFALL_CHUNK_SIZE", 200, 1, 5000)
# Connections of a run that compute at a time; on SQLite it is one, whatever is set.
WHALEFALL_PARALLEL_CHUNKS = whole("WHALEFALL_PARALLEL_CHUNKS", 2, 1, 16)
WHALEFALL_SESSION_LEASE = whole("WHALEFALL_SESSION_LEASE", 90, 3, 3600, " of seconds")
WHALEFALL_QUEUE_LIMIT = whole("WHALEFALL_QUEUE_LIMIT", 3600, 1, 604800, " of seconds")
WHALEFALL_AGGREGATION_ENABLED = boolean("WHALEFALL_AGGREGATION_ENABLED", True)
# Networks whose hosts may be collected from; none named: any address but link-local and metadata ones.
WHALEFALL_COLLECT_NETWORKS = listed(
    "WHALEFALL_COLLECT_NETWORKS", ip_network, "networks in CIDR form separated by commas, such as 10.0.0.0/8"
)
# Seconds that one statement, and one server in all, may take.
WHALEFALL_COLLECT_TIMEOUT = whole("WHALEFALL_COLLECT_TIMEOUT", 30, 1, 3600, " of seconds")
WHALEFALL_COLLECT_BUDGET = whole("WHALEFALL_COLLECT_BUDGET", 300, 5, 86400, " of seconds")

WHALEFALL_CATCH_UP_DAYS = whole("WHALEFALL_CATCH_UP_DAYS", 100, 1, 3660)
WHALEFALL_SAMPLE_RETENTION_DAYS = whole("WHALEFALL_SAMPLE_RETENTION_DAYS", 92, 1, 36600)
# Forecasts and the yearly views read a year of day rows, a quarter's change two quarters.
WHALEFALL_DAY_RETENTION_DAYS = whole("WHALEFALL_DAY_RETENTION_DAYS", 0, 400, 36600, zero="for ever")
WHALEFALL_DAILY_ROW_RETENTION_DAYS = whole("WHALEFALL_DAILY_ROW_RETENTION_DAYS", 0, 1, 36600, zero="for ever")
WHALEFALL_SESSION_RETENTION_DAYS = whole("WHALEFALL_SESSION_RETENTION_DAYS", 180, 1, 36600)
# Networks whose hosts messages may go to; none named: the rule for hosts that are collected from.
WHALEFALL_NOTIFY_NETWORKS = listed(
    "WHALEFALL_NOTIFY_NETWORKS", ip_network, "networks in CIDR form separated by commas, such as 10.0.0.0/8"
)
WHALEFALL_SITE_URL = site_url("WHALEFALL_SITE_URL")
WHALEFALL_METRICS_TOKEN = setting("WHALEFALL_METRICS_TOKEN", "", str, "a long random text")
METRICS_WITHOUT_TOKEN = DEBUG  # sizes and failures of a fleet are nobody's business
# Proxies whose X-Forwarded-For is believed; none named: an address is that of the connection.
WHALEFALL_TRUSTED_PROXIES = listed(
    "WHALEFALL_TRUSTED_PROXIES",
    ip_network,
    "addresses or networks of the proxies separated by commas, such as 127.0.0.1",
)

# Apps
INSTALLED_APPS = [
    "unfold",  # before the admin, whose templates it replaces
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "knox",
    "axes",
    "csp",
    "django_celery_beat",
    "sync_sessions",
    "capacity",
    "whalefall",
]
MIDDLEWARE = [
    "whalefall.middleware.request_id.RequestId",
    "whalefall.middleware.problems.ApiProblems",
    "django.middleware.security.SecurityMiddleware",
    # Serves STATIC_ROOT; in development `runserver` serves the files where they lie.
    *([] if DEBUG else ["whitenoise.middleware.WhiteNoiseMiddleware"]),
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "whalefall.middleware.bodies.BodyLimit",  # behind what its page is made with; nothing so far reads a body
    "whalefall.middleware.time_limit.TimeLimit",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "axes.middleware.AxesMiddleware",  # last, as it answers for a locked-out login
]
ROOT_URLCONF = "whalefall.urls"
WSGI_APPLICATION = "whalefall.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "whalefall" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# Database. No ATOMIC_REQUESTS: other connections must see a run's progress after each chunk.
DATABASE = database("DATABASE_URL", BASE_DIR / "whalefall.sqlite3")
DATABASES = {"default": DATABASE}
if DATABASE["ENGINE"] == "django.db.backends.sqlite3":
    # IMMEDIATE takes the write lock when a transaction begins: a reader that turns writer cannot wait for
    # it and fails at once ("database is locked") however long the time-out.
    DATABASE["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
    # A file, as shared in-memory databases lock at once under threads.
    DATABASE["TEST"] = {"NAME": f"{tempfile.gettempdir()}/test_whalefall_{os.getpid()}.sqlite3"}
else:
    idle_ms = WHALEFALL_SESSION_LEASE * 1000 * 2 // 3
    DATABASE["OPTIONS"] = {
        "connect_timeout": 10,
        **DATABASE.get("OPTIONS", {}),  # those of the URL, such as ?sslmode=require
        "options": f"-c lock_timeout=10000 -c idle_in_transaction_session_timeout={idle_ms}",
    }
    DATABASE["TEST"] = {"NAME": f"test_whalefall_{os.getpid()}"}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Redis is optional: without it there is no broker, and the doors call the services themselves.
REDIS_URL = redis_url("REDIS_URL", "")
# The cache is Django's own, in memory and per process: what is shared stands in the database, and the theme keeps
# results of its search there as pickles, which whoever reaches a shared cache could replace.

# Mail. Without EMAIL_URL a message by mail fails with a sentence that says so.
WHALEFALL_EMAIL_FROM = setting("WHALEFALL_EMAIL_FROM", "whalefall@localhost", str, "a mail address")
EMAIL_TIMEOUT = 10
EMAIL_URL = mail("EMAIL_URL")
globals().update(EMAIL_URL)

# Celery. Schedules live in the database, where staff edit them, so there is no CELERY_BEAT_SCHEDULE.
CELERY_BROKER_URL = redis_url("CELERY_BROKER_URL", REDIS_URL)
CELERY_BROKER_TRANSPORT = "whalefall.broker.Transport"  # of the URL; only Redis is one
CELERY_TIMEZONE = TIME_ZONE = WHALEFALL_TIME_ZONE
CELERY_BEAT_SCHEDULER = "whalefall.beat:Scheduler"  # django-celery-beat's, with a sign of life
# A beat that was down at the hour would else fire early the next day and again on time.
CELERY_BEAT_CRON_STARTING_DEADLINE = 3600
CELERY_TASK_IGNORE_RESULT = True  # the session is the record
CELERY_TASK_SERIALIZER = CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
# Not task_reject_on_worker_lost, which would bring back for ever a task that kills its process.
CELERY_TASK_RETRY_ON_WORKER_LOST = True
CELERY_TASK_SOFT_TIME_LIMIT = 1200
CELERY_TASK_TIME_LIMIT = 1500
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False  # lines go through LOGGING
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Above the hard limit and the longest retry: a task that is still at work would be delivered again.
    "visibility_timeout": 3600,
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
    "socket_timeout": 30,
    "socket_connect_timeout": 5,
    "health_check_interval": 25,
}

# API
REST_FRAMEWORK, REST_KNOX, SPECTACULAR_SETTINGS = api.REST_FRAMEWORK, api.REST_KNOX, api.SPECTACULAR_SETTINGS

# Language and time
USE_TZ = True
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "whalefall" / "locale"]
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
if not DEBUG:
    STORAGES = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    }

# The admin's look
UNFOLD = theme.UNFOLD
CONTENT_SECURITY_POLICY = theme.CONTENT_SECURITY_POLICY

LOGGING = logging_config(json_lines=not DEBUG)
