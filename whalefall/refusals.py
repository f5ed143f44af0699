"""A page that says no in a sentence, for who asks too much. Below /api/ it becomes a problem (middleware/problems)."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _


def refuse(
    request: HttpRequest, status: int, *sentences: str, title: str = "", retry_after: float | None = None
) -> HttpResponse:
    """The page; `retry_after`: in how many seconds another try may do better."""
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": title or _("This was not done"),
        "sentences": sentences,
    }
    page = render(request, "refused.html", context, status=status)
    if retry_after is not None:
        page["Retry-After"] = max(1, int(retry_after) + 1)
    return page
