from . import alerts, channels, rules

__all__ = ["alerts", "channels", "rules"]
