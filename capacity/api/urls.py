from rest_framework.routers import SimpleRouter

from .aggregations import CapacityAggregationViewSet

router = SimpleRouter()
router.register("capacity/aggregations", CapacityAggregationViewSet, basename="capacity-aggregation")
urlpatterns = router.urls
