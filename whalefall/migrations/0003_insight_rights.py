"""Who could see instances sees their tags, limits, events and forecasts; who could change them edits tags and limits.

By what a group may do and not by its name: those that staff have made get them too, and what staff have taken from a
role does not come back.
"""

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations

#: {permission that a group has: those that come with it}
GRANTS = {
    "view_instance": "view_tag view_capacitylimit view_capacityevent view_forecast",
    "change_instance": """
        add_tag change_tag delete_tag add_capacitylimit change_capacitylimit delete_capacitylimit
    """,
}


def grant(apps, schema_editor, grants=GRANTS):
    using = schema_editor.connection.alias
    Group, Permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    # Django makes them only after all migrations, so in a new database there are none yet.
    create_permissions(installed.get_app_config("capacity"), verbosity=0, using=using, apps=apps)
    of_capacity = Permission.objects.using(using).filter(content_type__app_label="capacity")
    for held, names in grants.items():
        granted = list(of_capacity.filter(codename__in=names.split()))
        for group in Group.objects.using(using).filter(permissions__in=of_capacity.filter(codename=held)):
            group.permissions.add(*granted)


class Migration(migrations.Migration):
    dependencies = [
        ("whalefall", "0002_request_counts"),
        ("capacity", "0010_tags"),
    ]
    # Back: the groups keep them, as who may look may look.
    operations = [migrations.RunPython(grant, migrations.RunPython.noop)]
