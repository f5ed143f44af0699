import json
import sys
import zlib
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict
from gzip import BadGzipFile, GzipFile
from io import BufferedReader
from pathlib import Path
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError, DjangoHelpFormatter
from django.db import Error
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from capacity.collection.csv_cells import FIRST_LINE, SEPARATORS, CsvError
from capacity.collection.csv_file import COLUMNS, CsvSamples
from capacity.collection.ingest import IngestResult, ingest
from capacity.collection.samples import SampleError, SamplesRejected
from capacity.collection.twins import case_twins
from capacity.errors import CapacityError
from capacity.management.output import console
from capacity.models import Instance
from capacity.runs.faults import describe

STANDARD_INPUT = Path("-")
GZIP = b"\x1f\x8b"  # how such a file begins, whatever its name
BUFFER = 1 << 20  # bytes between two moves of the progress bar
#: Fields of a sample that have another name in the file.
COLUMN_OF = {"instance_id": "instance", "database_name": "database"}


class LinesAsTheyAre(DjangoHelpFormatter, RawDescriptionHelpFormatter):
    """The header is one line, to be copied."""


class Command(BaseCommand):
    help = (
        "Imports samples from a CSV file in UTF-8, all of them or none. Its header:\n\n"
        f"{','.join(COLUMNS)}\n\n"
        "db_type and the last two may be left out. Times need an offset: 2025-01-31T03:00:00+08:00.\n"
        "Importing a file again stores nothing twice."
    )

    def create_parser(self, *args: Any, **kwargs: Any) -> Any:
        return super().create_parser(*args, **kwargs, formatter_class=LinesAsTheyAre)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "file", type=Path, metavar="FILE.csv", help="also FILE.csv.gz; - reads standard input (either of them)"
        )
        parser.add_argument(
            "--create-instances", action="store_true", help="create the instances that are missing; needs db_type"
        )
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        as_json, errors, more = options["json"], list[dict[str, Any]](), 0
        try:
            result, samples = self._import(options["file"], options["create_instances"], as_json)
            twins = case_twins(name for name, _engine in samples.seen)
        except SamplesRejected as rejected:
            errors = [_as_dict(error) for error in rejected.errors]
            more = rejected.total - len(errors)
            reason = ngettext("the file has %(count)d error.", "the file has %(count)d errors.", rejected.total)
            self._fail(reason % {"count": rejected.total}, errors, more, as_json)
        except CapacityError as error:
            self._fail(str(error), [], 0, as_json)
        except Error as error:
            self._fail(describe(error), [], 0, as_json)
        except (EOFError, BadGzipFile, zlib.error) as error:
            reason = _("%(file)s cannot be unpacked, it is damaged (%(reason)s).")
            self._fail(reason % {"file": options["file"], "reason": error}, [], 0, as_json)
        except OSError as error:
            self._fail(f"{options['file']}: {error.strerror}", [], 0, as_json)
        created = len(samples.new_instances)
        warnings = [
            _(
                "%(instance)s has databases whose names differ in case alone, which its engine may take for one: "
                "%(names)s. Their sizes are counted twice."
            )
            % {"instance": instance, "names": ", ".join(names)}
            for instance, groups in twins.items()
            for names in groups
        ]
        if as_json:
            facts = {"created_instances": created, "separator": samples.separator, "warnings": warnings}
            self._print({"status": "completed", **asdict(result), **facts})
            return
        if samples.separator != ",":
            self.stdout.write(_("The file is separated by %(signs)s.") % {"signs": SEPARATORS[samples.separator]})
        self.stdout.write(
            _(
                "Samples imported: %(received)d (%(created)d new, %(updated)d replaced). Day totals derived: "
                "%(days)d. Instances created: %(instances)d."
            )
            % {**asdict(result), "instances": created}
        )
        for warning in warnings:
            self.stdout.write(_("Warning: %(text)s") % {"text": warning})

    def _fail(self, reason: str, errors: list[dict[str, Any]], more: int, as_json: bool) -> NoReturn:
        message = _("Nothing is imported: %(reason)s") % {"reason": reason}
        if as_json:
            self._print({"status": "failed", "message": message, "errors": errors, "more_errors": more})
        else:
            for error in errors:
                self.stderr.write(_sentence(error))
            if more:
                self.stderr.write(ngettext("and %(count)d more", "and %(count)d more", more) % {"count": more})
        raise CommandError(message)

    def _import(self, path: Path, create: bool, quiet: bool) -> tuple[IngestResult, CsvSamples]:
        """The result, and what was read."""
        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TimeElapsedColumn(),
            console=console(self.stdout),
            disable=quiet or not self.stdout.isatty(),
            transient=True,
        )
        with bar, _opened(path) as raw:
            size = 0 if path == STANDARD_INPUT else path.stat().st_size
            task = bar.add_task(_("Reading"), total=size)
            file = BufferedReader(bar.wrap_file(raw, task_id=task), BUFFER)  # type: ignore[type-var]
            unpacked = GzipFile(fileobj=file) if file.peek(2)[:2] == GZIP else file
            known = dict(Instance.objects.values_list("name", "pk"))
            samples = CsvSamples(BufferedReader(unpacked, BUFFER), known, create=create)

            def read() -> Iterator[Any]:
                yield from samples
                bar.update(task, description=_("Storing"))

            result = ingest(read(), new_instances=samples.new_instances)
        if not result.received:
            raise CsvError(_("the file has a header and no samples."))
        return result, samples

    def _print(self, result: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(result, ensure_ascii=False))


def _opened(path: Path) -> Any:
    """The file as it lies there; standard input stays open."""
    return nullcontext(sys.stdin.buffer) if path == STANDARD_INPUT else path.open("rb", buffering=0)


def _as_dict(error: SampleError) -> dict[str, Any]:
    detail = error.detail
    if error.other is not None:
        line = error.other + FIRST_LINE
        detail = _("The same instance, database and time as in line %(line)d.") % {"line": line}
    column = COLUMN_OF.get(error.attr, error.attr)
    return {"line": error.index + FIRST_LINE, "column": column, "code": error.code, "detail": detail}


def _sentence(error: dict[str, Any]) -> str:
    place = _("line %(line)d, %(column)s") if error["column"] else _("line %(line)d")
    return f"{place % error}: {error['detail']}"
