"""The Simplified Chinese catalogue is complete, and the compiled file is what the source says."""

import ast
import re
import shutil

import pytest

from . import needs
from .starts import ROOT, manage, python

polib = pytest.importorskip("polib", reason="comes with requirements-dev.txt")

pytestmark = pytest.mark.unit

CATALOGUE = ROOT / "whalefall" / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[a-z%]|\{\w*\}")


def key(entry):
    return entry.msgctxt, entry.msgid, entry.msgid_plural


def translations(entry):
    return list(entry.msgstr_plural.values()) or [entry.msgstr]


@pytest.fixture(scope="module")
def catalogue():
    return polib.pofile(str(CATALOGUE))


@pytest.fixture(scope="module")
def extracted(tmp_path_factory):
    """The texts that makemessages finds in a copy of the source."""
    needs.require("xgettext")
    copy = tmp_path_factory.mktemp("source")
    for package in ("whalefall", "capacity", "sync_sessions"):
        shutil.copytree(
            ROOT / package, copy / package, ignore=shutil.ignore_patterns("tests", "locale", "__pycache__")
        )
    shutil.copy(ROOT / "manage.py", copy)
    made = python("manage.py", "makemessages", "--locale", "zh_Hans", root=copy)
    assert made.returncode == 0, made.stderr
    return polib.pofile(str(copy / CATALOGUE.relative_to(ROOT)))


def test_every_text_is_translated(catalogue, extracted):
    translated = {key(entry) for entry in catalogue if not entry.obsolete and all(translations(entry))}
    assert [entry.msgid for entry in extracted if key(entry) not in translated] == []


def test_nothing_is_translated_that_is_no_longer_said(catalogue, extracted):
    assert {key(entry) for entry in catalogue} - {key(entry) for entry in extracted} == set()


def test_no_translation_is_a_guess(catalogue):
    assert not catalogue.metadata_is_fuzzy
    assert [entry.msgid for entry in catalogue if entry.fuzzy] == []


def test_translations_have_the_placeholders_of_their_texts(catalogue):
    wrong = [
        (entry.msgid, text)
        for entry in catalogue
        for text in translations(entry)
        if set(PLACEHOLDER.findall(text)) != set(PLACEHOLDER.findall(entry.msgid_plural or entry.msgid))
    ]
    assert wrong == []


def test_the_compiled_catalogue_is_made_from_this_source(catalogue):
    compiled = polib.mofile(str(CATALOGUE.with_suffix(".mo")))
    assert {key(entry): translations(entry) for entry in compiled} == {
        key(entry): translations(entry) for entry in catalogue
    }
    assert compiled.metadata.items() <= catalogue.metadata.items()


def test_texts_are_marked_with_names_that_makemessages_knows():
    """`gettext as _t` would work, and its texts never reach the catalogue."""
    renamed = [
        f"{file.relative_to(ROOT)}: {alias.name} as {alias.asname}"
        for package in ("whalefall", "capacity", "sync_sessions")
        for file in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
        for alias in node.names
        if alias.asname not in (None, "_", alias.name)
    ]
    assert renamed == []


def test_a_page_is_shown_in_chinese_to_who_asks_for_it():
    program = (
        "from django.utils import translation\n"
        "from capacity.aggregation.periods import PeriodType\n"
        "with translation.override('zh-hans'):\n"
        "    print(PeriodType.DAILY.label)"
    )
    shown = manage("shell", "-v0", "-c", program, DATABASE_URL="sqlite://:memory:").stdout.strip()
    assert shown
    assert shown.isalpha()
    assert not shown.isascii()
