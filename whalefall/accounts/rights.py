"""Nobody gives away what they may not do themselves: what somebody may do, and what they may not."""

from typing import Any

from django.contrib.auth.models import Permission
from django.db.models import Q, QuerySet


def held_by(user: Any) -> QuerySet[Permission]:
    """What a user may do, by themselves or through a group, active or not: an inactive one can be activated."""
    if user.is_superuser:
        return Permission.objects.all()
    return Permission.objects.filter(Q(user=user) | Q(group__user=user)).distinct()


def beyond(user: Any) -> QuerySet[Permission]:
    """What a user may not do."""
    return Permission.objects.exclude(pk__in=held_by(user).values("pk"))
