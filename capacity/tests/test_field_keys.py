"""Passwords are encrypted at rest, survive a dump, and can be given new keys."""

import io
import json

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import FieldError, ValidationError
from django.core.management import CommandError, call_command
from django.db import connection

from capacity.errors import FieldKeyError
from capacity.management.commands import rotate_field_keys
from capacity.models import Instance
from capacity.models.fields import key_ring
from capacity.tests.factories import make_instance

pytestmark = pytest.mark.django_db

SECRET = "pass 秘密 😀 'word"
OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def stored(name):
    with connection.cursor() as cursor:
        cursor.execute("SELECT password FROM instances WHERE name = %s", [name])
        return cursor.fetchone()[0]


def store(name, token):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE instances SET password = %s WHERE name = %s", [token, name])


def passwords():
    return {one.name: one.password for one in Instance.objects.all()}


@pytest.fixture
def old_key(settings):
    settings.WHALEFALL_FIELD_KEYS = [OLD]


def test_a_password_is_a_token_in_the_database_and_plain_in_python():
    make_instance("a", password=SECRET)

    assert stored("a").startswith("gAAAA")
    assert SECRET not in stored("a")
    assert Instance.objects.get().password == SECRET


def test_no_password_stays_empty():
    make_instance("a")

    assert stored("a") == ""
    assert Instance.objects.get().password == ""


def test_the_same_password_twice_gives_two_tokens():
    make_instance("a", password=SECRET)
    make_instance("b", password=SECRET)

    assert stored("a") != stored("b")


def test_updates_in_bulk_encrypt_once():
    one, other = make_instance("a", password="x"), make_instance("b")
    Instance.objects.filter(pk=one.pk).update(password="updated")
    other.password = "bulk"
    Instance.objects.bulk_update([other], ["password"])

    assert [one.password for one in Instance.objects.all()] == ["updated", "bulk"]


def test_a_password_cannot_be_looked_up():
    with pytest.raises(FieldError, match="Unsupported lookup"):
        Instance.objects.filter(password="x").exists()


def test_a_password_without_its_key_says_so_when_it_is_asked_for_and_not_before(settings, old_key):
    make_instance("a", password=SECRET)
    settings.WHALEFALL_FIELD_KEYS = [NEW]

    instance = Instance.objects.get()

    assert instance.name == "a"
    with pytest.raises(FieldKeyError, match="add the key it was written with to WHALEFALL_FIELD_KEYS"):
        _ = instance.password


@pytest.mark.parametrize("password", ["a\x00b", "a\ud800b", "encrypted:gAAAAnonsense"])
def test_validation_refuses_what_cannot_be_stored(password):
    instance = make_instance("a")
    instance.password = password

    with pytest.raises(ValidationError) as refused:
        instance.full_clean()
    assert list(refused.value.message_dict) == ["password"]


def test_dumpdata_holds_tokens_and_loaddata_reads_them(tmp_path):
    make_instance("a", password=SECRET)
    make_instance("b")
    dump = tmp_path / "dump.json"
    call_command("dumpdata", "capacity.instance", output=str(dump))
    assert SECRET not in json.loads(dump.read_text())[0]["fields"]["password"]
    Instance.objects.all().delete()

    call_command("loaddata", str(dump), verbosity=0)

    assert passwords() == {"a": SECRET, "b": ""}


def test_dumpdata_does_not_need_the_key(settings, old_key, tmp_path):
    make_instance("a", password=SECRET)
    settings.WHALEFALL_FIELD_KEYS = [NEW]
    dump = tmp_path / "dump.json"

    call_command("dumpdata", "capacity.instance", output=str(dump))

    assert json.loads(dump.read_text())[0]["fields"]["password"] == f"encrypted:{stored('a')}"


def rotate(**options):
    out = io.StringIO()
    call_command("rotate_field_keys", stdout=out, **options)
    return out.getvalue()


def test_rotation_takes_no_batch_of_nothing():
    with pytest.raises(CommandError, match="'0' is not a whole number above 0"):
        call_command("rotate_field_keys", "--batch-size", "0")


def test_rotation_encrypts_every_password_with_the_first_key(settings, old_key):
    for number in range(5):
        make_instance(f"i{number}", password=f"{SECRET}{number}")
    make_instance("no password")
    settings.WHALEFALL_FIELD_KEYS = [NEW, OLD]

    assert rotate(batch_size=2) == "5 passwords encrypted anew.\n"

    settings.WHALEFALL_FIELD_KEYS = [NEW]
    expected = {f"i{number}": f"{SECRET}{number}" for number in range(5)}
    assert passwords() == expected | {"no password": ""}


def test_rotation_can_run_again(settings, old_key):
    make_instance("a", password=SECRET)
    settings.WHALEFALL_FIELD_KEYS = [NEW, OLD]
    rotate()

    assert rotate() == "1 password encrypted anew.\n"
    assert Instance.objects.get().password == SECRET


def test_rotation_names_the_instances_it_cannot_decrypt_does_the_others_and_fails(settings, old_key):
    make_instance("good", password=SECRET)
    make_instance("bad", password=SECRET)
    store("bad", Fernet(Fernet.generate_key()).encrypt(b"x").decode())
    make_instance("worse", password=SECRET)
    store("worse", "nonsense é")
    settings.WHALEFALL_FIELD_KEYS = [NEW, OLD]
    before = stored("bad")

    with pytest.raises(CommandError, match="decrypts the password of: bad, worse. Add the key") as error:
        rotate()

    assert error.value.returncode == 1
    assert (stored("bad"), stored("worse")) == (before, "nonsense é")
    settings.WHALEFALL_FIELD_KEYS = [NEW]
    assert Instance.objects.get(name="good").password == SECRET


def test_rotation_leaves_a_password_alone_that_is_changed_meanwhile(settings, old_key, monkeypatch):
    make_instance("a", password=SECRET)
    settings.WHALEFALL_FIELD_KEYS = [NEW, OLD]

    class ChangedMeanwhile:
        def rotate(self, token):
            Instance.objects.update(password="changed")
            return key_ring().rotate(token)

    monkeypatch.setattr(rotate_field_keys, "key_ring", ChangedMeanwhile)

    assert rotate() == "0 passwords encrypted anew.\n"
    assert Instance.objects.get().password == "changed"


def test_rotation_prints_no_secret(settings, old_key, capsys):
    make_instance("a", password="hunter2")
    settings.WHALEFALL_FIELD_KEYS = [NEW, OLD]

    printed = rotate() + "".join(capsys.readouterr())

    assert not [secret for secret in ("hunter2", OLD, NEW, stored("a")) if secret in printed]
