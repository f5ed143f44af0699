"""Files for `manage.py import_samples`, and what the command says about them."""

from io import StringIO

from django.core.management import CommandError, call_command

from capacity.models import DatabaseSizeStat, Instance, InstanceSizeStat

HEADER = "instance,db_type,database,collected_at,size_bytes,data_size_bytes,log_size_bytes"
GOOD = "pg-1,,sales,2025-03-05T10:00:00+08:00,100,60,7"


def write_csv(folder, *lines, header=HEADER, end="\n"):
    """A file of those lines, or of those bytes as they are."""
    path = folder / "samples.csv"
    texts = [header, *lines]
    raw = [text if isinstance(text, bytes) else text.encode() for text in texts if text is not None]
    path.write_bytes(b"".join(line + end.encode() for line in raw))
    return path


def load(path, *options):
    """The lines of both outputs and of the error that ends the command, if one does."""
    out, err = StringIO(), StringIO()
    try:
        call_command("import_samples", path, *options, stdout=out, stderr=err)
    except CommandError as error:
        err.write(f"{error}\n")
    return out.getvalue().splitlines() + err.getvalue().splitlines()


def refused(path, *options):
    """The lines about the errors; nothing may have been stored."""
    instances = Instance.objects.count()
    *lines, last = load(path, *options)
    assert last.startswith("Nothing is imported: ")
    assert not DatabaseSizeStat.objects.exists() and not InstanceSizeStat.objects.exists()
    assert Instance.objects.count() == instances
    return lines or [last.removeprefix("Nothing is imported: ")]
