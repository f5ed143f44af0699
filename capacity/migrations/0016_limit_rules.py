"""The use of a limit is watched of instances and volumes as it is of databases: what shares one has no other rule."""

from django.db import migrations

KIND, SISTER = "limit_percent", "database"
#: name, level
RULES = (
    ("Volume at 90 % of its limit", "volume"),
    ("Instance at 90 % of its limit", "instance"),
)


def create_rules(apps, schema_editor):
    """Where there is none yet; on where the rule of databases is."""
    rules = apps.get_model("capacity", "AlertRule").objects.using(schema_editor.connection.alias)
    of_kind = rules.filter(kind=KIND)
    on = of_kind.filter(level=SISTER, enabled=True).exists()
    for name, level in RULES:
        if not of_kind.filter(level=level).exists():
            rules.get_or_create(
                name=name,
                defaults={
                    "kind": KIND,
                    "level": level,
                    "threshold": {"percent": 90},
                    "severity": "warning",
                    "enabled": on,
                },
            )


class Migration(migrations.Migration):
    dependencies = [("capacity", "0015_room_for_states")]
    operations = [migrations.RunPython(create_rules, migrations.RunPython.noop)]
