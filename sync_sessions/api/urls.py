from rest_framework.routers import SimpleRouter

from .records import SyncRecordViewSet
from .views import SyncSessionViewSet

router = SimpleRouter(use_regex_path=False)
router.register("sync-sessions", SyncSessionViewSet, basename="sync-session")
router.register("sync-records", SyncRecordViewSet, basename="sync-record")
urlpatterns = router.urls
