from rest_framework.routers import SimpleRouter

from .views import SyncSessionViewSet

router = SimpleRouter(use_regex_path=False)
router.register("sync-sessions", SyncSessionViewSet, basename="sync-session")
urlpatterns = router.urls
