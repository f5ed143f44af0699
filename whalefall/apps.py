from django.apps import AppConfig


class WhaleFallConfig(AppConfig):
    name = "whalefall"
    verbose_name = "WhaleFall"

    def ready(self) -> None:
        from . import checks  # noqa: F401  (registers them)
