"""Log lines through structlog: JSON in production, readable columns in development."""

from collections.abc import MutableMapping
from logging import LogRecord
from typing import Any

import structlog

from sync_sessions.common.masking import mask_passwords


def mask(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Takes passwords out of every text of a line."""
    return {key: mask_passwords(value) if isinstance(value, str) else value for key, value in line.items()}


def refusals_in_one_line(record: LogRecord) -> bool:
    """A filter that keeps every record; one of a refused request (4xx) loses the traceback that Django adds to it.

    Anybody can have as many of those as he likes, and they say nothing that the line does not.
    """
    if record.name.startswith("django.") and getattr(record, "status_code", 500) < 500:
        record.exc_info = None
    return True


def logging_config(json_lines: bool) -> dict[str, Any]:
    """Django's LOGGING setting; configures structlog for the process as well.

    Lines of the standard library's loggers (Django, Celery) go through the same formatter, and what
    `structlog.contextvars` binds (session_id, period, ...) is on every line.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    # Read at formatting time in both modes, so that a translated text is written as text.
    renderer: Any = structlog.dev.ConsoleRenderer(colors=False)
    if json_lines:
        renderer = structlog.processors.JSONRenderer(default=str)
    # Tracebacks as plain text: the console renderer's own would print local variables, passwords among them.
    last: list[Any] = [structlog.processors.format_exc_info, mask, renderer]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": shared,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
            }
        },
        "filters": {"refusals": {"()": lambda: refusals_in_one_line}},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["refusals"]},
        },
        # Django's own handlers would write each of its lines a second time.
        "loggers": {"django": {"handlers": []}},
        "root": {"handlers": ["stderr"], "level": "INFO" if json_lines else "WARNING"},
    }
