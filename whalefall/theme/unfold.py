"""The look of the admin (django-unfold) and what its pages may load."""

from typing import Any

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

RAW = gettext_lazy("Raw schedules")  #: folded, as few need them

#: The sidebar, which follows the questions of a day: the pages of a section, with their icons. A test wants every page
#: named.
SECTIONS: tuple[tuple[Any, dict[str, str]], ...] = (
    (
        "",
        {
            "capacity.databasestate": "storage",
            "capacity.instance": "dns",
            "capacity.capacityevent": "published_with_changes",
            "capacity.forecast": "event_upcoming",
        },
    ),
    (
        gettext_lazy("Runs"),
        {
            "sync_sessions.syncsession": "sync",
            "sync_sessions.syncinstancerecord": "checklist",
            "capacity.schedule": "schedule",
        },
    ),
    (
        gettext_lazy("Alerts"),
        {
            "capacity.alert": "notifications",
            "capacity.alertrule": "rule",
            "capacity.notificationchannel": "send",
        },
    ),
    (
        gettext_lazy("Data"),
        {
            "capacity.databasesizestat": "straighten",
            "capacity.instancesizestat": "today",
            "capacity.databasesizeaggregation": "database",
            "capacity.instancesizeaggregation": "stacked_line_chart",
        },
    ),
    (
        gettext_lazy("Administration"),
        {
            "capacity.capacitylimit": "speed",
            "capacity.tag": "sell",
            "capacity.prometheussource": "query_stats",
            "capacity.prometheusmapping": "conversion_path",
            "auth.user": "person",
            "auth.group": "group",
            "knox.authtoken": "key",
            "axes.accessattempt": "lock_clock",
            "axes.accesslog": "login",
        },
    ),
    (
        RAW,
        {
            "django_celery_beat.periodictask": "data_object",
            "django_celery_beat.crontabschedule": "calendar_month",
            "django_celery_beat.intervalschedule": "timer",
            "django_celery_beat.clockedschedule": "alarm",
            "django_celery_beat.solarschedule": "wb_sunny",
        },
    ),
)

#: What a page is called in the sidebar and in its title where it answers a question.
TITLES: dict[str, Any] = {
    "capacity.capacityevent": gettext_lazy("What changed"),
    "capacity.forecast": gettext_lazy("Full next"),
}


def title_of(opts: Any) -> str:
    return str(TITLES.get(opts.label_lower) or capfirst(opts.verbose_name_plural))


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The sidebar of this user: what the page's own admin lets them see. No query besides the permissions'."""
    admins = {model._meta.label_lower: model_admin for model, model_admin in admin.site._registry.items()}
    home = {"title": _("Overview"), "icon": "dashboard", "link": reverse("admin:index")}
    api = {"title": _("API description"), "icon": "api", "link": reverse("docs")}
    sections: list[dict[str, Any]] = []
    for title, pages in SECTIONS:
        items = [
            {
                "title": title_of(model_admin.opts),
                "icon": icon,
                "link": reverse(f"admin:{model_admin.opts.app_label}_{model_admin.opts.model_name}_changelist"),
            }
            for label, icon in pages.items()
            if (model_admin := admins.get(label)) and model_admin.has_view_permission(request)
        ]
        if not title:
            items.insert(0, home)
            if request.user.has_perm("capacity.view_databasesizestat"):
                items += [
                    {"title": _("Compare"), "icon": "ssid_chart", "link": reverse("admin:capacity_compare")},
                    {"title": _("Report"), "icon": "summarize", "link": reverse("admin:capacity_report")},
                ]
        if items:
            sections.append({"title": title, "items": items, "separator": bool(title), "collapsible": title is RAW})
    sections.append({"title": "", "items": [api], "separator": True})
    entries: list[dict[str, Any]] = [item for section in sections for item in section["items"]]
    # The theme would mark every page whose address begins as this one's: Databases beside Compare.
    found = [item["link"] for item in entries if item is not home and request.path.startswith(item["link"])]
    here = max(found, key=len, default=request.path)
    for item in entries:
        item["active"] = item["link"] == here
    return sections


def environment(request: HttpRequest) -> list[str] | None:
    """The badge in the corner that tells a development site from the real one."""
    return [_("Development"), "warning"] if settings.DEBUG else None


def local(name: str) -> Any:
    """The address of one of our own static files, asked for when a page is made: the storage knows it then."""
    return lambda request: static(f"whalefall/{name}")


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "WhaleFall",
    "SITE_HEADER": "WhaleFall",
    "SITE_SUBHEADER": gettext_lazy("Capacity history"),
    "SITE_SYMBOL": "database",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": local("favicon.svg")}],
    "SITE_URL": None,  # there is no other site
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": False,  # the browser says which
    "ENVIRONMENT": "whalefall.theme.unfold.environment",
    "STYLES": [local("theme.css")],
    "SCRIPTS": [local("accessible.js")],
    "SIDEBAR": {"navigation": navigation, "show_search": True},
    "DASHBOARD_CALLBACK": "whalefall.dashboard.page.dashboard",
}

# What stays open, and why:
# - 'unsafe-eval' for scripts: the theme's Alpine evaluates the expressions that stand in its attributes, and
#   its build without eval (@alpinejs/csp) knows only the simplest of them. No inline script runs, and none
#   from elsewhere: markup in a name that got through unescaped would still do nothing.
# - 'unsafe-inline' for styles: the theme sets its colours in a <style> and sizes in style attributes, as do
#   Alpine and Chart.js at run time. A nonce would not cover the attributes.
CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "connect-src": [SELF],
        "font-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "img-src": [SELF, "data:"],
        "manifest-src": [SELF],
        "script-src": [SELF, UNSAFE_EVAL],
        "style-src": [SELF, UNSAFE_INLINE],
    }
}
