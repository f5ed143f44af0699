"""The roles as groups. A group of that name that is there already stays as it is: it is staff's from then on."""

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations

VIEWER = """
    capacity.view_instance capacity.view_databasesizestat capacity.view_instancesizestat
    capacity.view_databasesizeaggregation capacity.view_instancesizeaggregation capacity.view_staleperiod
    sync_sessions.view_syncsession sync_sessions.view_syncinstancerecord
    django_celery_beat.view_periodictask django_celery_beat.view_crontabschedule
"""
OPERATOR = f"""{VIEWER}
    capacity.trigger_aggregation capacity.add_databasesizestat sync_sessions.cancel_syncsession
"""
ADMINISTRATOR = f"""{OPERATOR}
    capacity.add_instance capacity.change_instance capacity.delete_instance
    django_celery_beat.add_periodictask django_celery_beat.change_periodictask django_celery_beat.delete_periodictask
    django_celery_beat.add_crontabschedule django_celery_beat.change_crontabschedule
    django_celery_beat.delete_crontabschedule
    knox.view_authtoken knox.add_authtoken knox.delete_authtoken
    auth.view_user auth.add_user auth.change_user auth.delete_user
    auth.view_group auth.add_group auth.change_group auth.delete_group
    axes.view_accessattempt axes.delete_accessattempt axes.view_accesslog
"""
ROLES = {"viewer": VIEWER.split(), "operator": OPERATOR.split(), "administrator": ADMINISTRATOR.split()}


def create_roles(apps, schema_editor):
    using = schema_editor.connection.alias
    Group, Permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    # Django makes them only after all migrations, so in a new database there are none yet.
    for label in sorted({name.partition(".")[0] for name in ROLES["administrator"]}):
        create_permissions(installed.get_app_config(label), verbosity=0, using=using, apps=apps)
    for role, names in ROLES.items():
        group, made = Group.objects.using(using).get_or_create(name=role)
        if made:
            for name in names:
                label, _dot, codename = name.partition(".")
                group.permissions.add(
                    Permission.objects.using(using).get(content_type__app_label=label, codename=codename)
                )


class Migration(migrations.Migration):
    initial = True
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("axes", "0010_accessattemptexpiration"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
        ("knox", "0009_extend_authtoken_field"),
        ("capacity", "0001_initial"),
        ("sync_sessions", "0001_initial"),
    ]
    # Back: the groups stay, as people are in them.
    operations = [migrations.RunPython(create_roles, migrations.RunPython.noop)]
