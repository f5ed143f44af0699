from rest_framework.routers import SimpleRouter

from .aggregations import CapacityAggregationViewSet
from .instances import InstanceViewSet
from .period_rows import DatabaseRowViewSet, InstanceRowViewSet
from .samples import SampleViewSet

router = SimpleRouter(use_regex_path=False)
router.register("capacity/aggregations", CapacityAggregationViewSet, basename="capacity-aggregation")
router.register("capacity/aggregations/databases", DatabaseRowViewSet, basename="database-row")
router.register("capacity/aggregations/instances", InstanceRowViewSet, basename="instance-row")
router.register("capacity/samples", SampleViewSet, basename="sample")
router.register("instances", InstanceViewSet, basename="instance")
urlpatterns = router.urls
