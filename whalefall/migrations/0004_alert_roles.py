"""Who could see instances sees alerts and rules; who could start runs answers alerts; who could change instances edits
rules and channels. By what a group may do and not by its name, as in 0003.
"""

from importlib import import_module

from django.db import migrations

#: {permission that a group has: those that come with it}
GRANTS = {
    "view_instance": "view_alert view_alertrule",
    "trigger_aggregation": "change_alert",
    "change_instance": """
        add_alertrule change_alertrule delete_alertrule view_notification
        view_notificationchannel add_notificationchannel change_notificationchannel delete_notificationchannel
    """,
}


def grant(apps, schema_editor):
    import_module("whalefall.migrations.0003_insight_rights").grant(apps, schema_editor, GRANTS)


class Migration(migrations.Migration):
    dependencies = [("whalefall", "0003_insight_rights"), ("capacity", "0011_alerts")]
    operations = [migrations.RunPython(grant, migrations.RunPython.noop)]
