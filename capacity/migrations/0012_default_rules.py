"""Rules that are useful on the first day. Off where they need a limit; without a channel nobody is told yet."""

from django.db import migrations

GIB = 2**30
#: name, kind, level, threshold, severity, on
RULES = (
    ("Not collected for 2 days", "not_collected", "instance", {"days": 2}, "warning", True),
    ("Scheduled run failed", "run_failed", "fleet", {"times": 1}, "critical", True),
    ("Instance failed 3 times running", "run_failed", "instance", {"times": 3}, "warning", True),
    ("Schedule missed", "schedule_missed", "fleet", {}, "critical", True),
    ("Database jumped", "jump", "database", {"percent": 5, "bytes": GIB}, "warning", True),
    ("Database dropped", "drop", "database", {"percent": 5, "bytes": GIB}, "info", True),
    ("Database grew by 20 % in a week", "growth", "database", {"days": 7, "percent": 20, "bytes": 10 * GIB}, "info", True),
    ("Database full within 30 days", "days_until_full", "database", {"days": 30}, "warning", False),
    ("Database full within 7 days", "days_until_full", "database", {"days": 7}, "critical", False),
    ("Volume full within 30 days", "days_until_full", "volume", {"days": 30}, "warning", False),
    ("Instance full within 30 days", "days_until_full", "instance", {"days": 30}, "warning", False),
    ("Database at 90 % of its limit", "limit_percent", "database", {"percent": 90}, "warning", False),
)


def create_rules(apps, schema_editor):
    rules = apps.get_model("capacity", "AlertRule").objects.using(schema_editor.connection.alias)
    for name, kind, level, threshold, severity, on in RULES:
        rules.get_or_create(
            name=name,
            defaults={"kind": kind, "level": level, "threshold": threshold, "severity": severity, "enabled": on},
        )


class Migration(migrations.Migration):
    dependencies = [("capacity", "0011_alerts")]
    operations = [migrations.RunPython(create_rules, migrations.RunPython.noop)]
