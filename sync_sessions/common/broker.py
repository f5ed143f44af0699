from django.conf import settings


def has_broker() -> bool:
    """Whether there is a queue to use. Without one the doors run everything themselves."""
    return bool(settings.CELERY_BROKER_URL)
