from django.contrib import admin
from django.urls import include, path
from django.utils.translation import gettext_lazy as _
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularSwaggerSplitView

from whalefall.api.schema_view import SchemaView

from .admin.search import search
from .api_errors import NoSuchEndpoint
from .health import healthz, readyz
from .metrics import metrics

admin.site.site_header = admin.site.site_title = "WhaleFall"
admin.site.index_title = _("Capacity history")
admin.site.site_url = None  # there is no other site

urlpatterns = [
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics),
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/search/", search),  # before the theme's own
    path("admin/", admin.site.urls),
    path("api/v1/schema/", SchemaView.as_view(), name="schema"),
    path("api/v1/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    path("api/v1/", include("sync_sessions.api.urls")),
    path("api/v1/", include("capacity.api.urls")),
    path("api/<path:rest>", NoSuchEndpoint.as_view()),
]
