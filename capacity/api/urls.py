from rest_framework.routers import SimpleRouter

from capacity.api.alerts.views import AlertViewSet
from capacity.api.databases.history import DatabaseHistoryViewSet
from capacity.api.databases.views import DatabaseViewSet
from capacity.api.insight.views import EventViewSet, ForecastViewSet, LimitViewSet
from capacity.api.instances.views import InstanceViewSet
from capacity.api.report.views import ReportViewSet
from capacity.api.rows.views import DatabaseRowViewSet, InstanceRowViewSet
from capacity.api.samples.views import SampleViewSet
from capacity.api.tags.views import TagViewSet

from .runs import CapacityAggregationViewSet

router = SimpleRouter(use_regex_path=False)
router.register("capacity/aggregations", CapacityAggregationViewSet, basename="capacity-aggregation")
router.register("capacity/aggregations/databases", DatabaseRowViewSet, basename="database-row")
router.register("capacity/aggregations/instances", InstanceRowViewSet, basename="instance-row")
router.register("capacity/databases", DatabaseViewSet, basename="database")
router.register("capacity/databases/history", DatabaseHistoryViewSet, basename="database-history")
router.register("capacity/events", EventViewSet, basename="event")
router.register("capacity/forecasts", ForecastViewSet, basename="forecast")
router.register("capacity/limits", LimitViewSet, basename="limit")
router.register("capacity/report", ReportViewSet, basename="capacity-report")
router.register("capacity/samples", SampleViewSet, basename="sample")
router.register("instances", InstanceViewSet, basename="instance")
router.register("tags", TagViewSet, basename="tag")
router.register("alerts", AlertViewSet, basename="alert")
urlpatterns = router.urls
