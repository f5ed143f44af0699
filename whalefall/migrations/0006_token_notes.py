import django.db.models.deletion
from django.db import migrations, models


def note_those_there_are(apps, schema_editor):
    notes = apps.get_model("whalefall", "TokenNote").objects
    tokens = apps.get_model("knox", "AuthToken").objects.values_list("pk", flat=True)
    notes.bulk_create(notes.model(pk=token) for token in tokens)


class Migration(migrations.Migration):
    dependencies = [
        ("knox", "0009_extend_authtoken_field"),
        ("whalefall", "0005_prometheus_rights"),
    ]

    operations = [
        migrations.CreateModel(
            name="TokenNote",
            fields=[
                (
                    "token",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="note",
                        serialize=False,
                        to="knox.authtoken",
                    ),
                ),
                ("name", models.CharField(blank=True, max_length=100)),
                ("last_used_at", models.DateTimeField(null=True)),
            ],
            options={"db_table": "token_notes", "default_permissions": ()},
        ),
        migrations.RunPython(note_those_there_are, migrations.RunPython.noop),
    ]
