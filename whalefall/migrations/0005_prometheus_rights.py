"""Who could change instances says where sizes are read from. By what a group may do and not by its name, as in 0003."""

from importlib import import_module

from django.db import migrations

#: {permission that a group has: those that come with it}
GRANTS = {
    "change_instance": """
        view_prometheussource add_prometheussource change_prometheussource delete_prometheussource
        view_prometheusmapping add_prometheusmapping change_prometheusmapping delete_prometheusmapping
    """,
}


def grant(apps, schema_editor):
    import_module("whalefall.migrations.0003_insight_rights").grant(apps, schema_editor, GRANTS)


class Migration(migrations.Migration):
    dependencies = [("whalefall", "0004_alert_roles"), ("capacity", "0013_prometheus")]
    operations = [migrations.RunPython(grant, migrations.RunPython.noop)]
