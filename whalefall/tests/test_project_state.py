"""What must hold of the project as a whole, whatever is added to it."""

import re

import pytest
from django.core.management import call_command

from .starts import ROOT

PACKAGES = ("whalefall", "capacity", "sync_sessions")
FOLDERS = (*PACKAGES, "docs", "deploy", ".ci")
TEXTS = {".py", ".html", ".css", ".js", ".md", ".txt", ".sh", ".ini", ".toml", ".service", ".csv", ""}


@pytest.mark.django_db
def test_the_system_checks_are_clean():
    call_command("check", fail_level="WARNING")


@pytest.mark.django_db
def test_no_migration_is_missing():
    call_command("makemigrations", check=True, dry_run=True)


@pytest.mark.unit
def test_no_file_is_longer_than_300_lines():
    lines = {
        str(file.relative_to(ROOT)): len(file.read_text().splitlines())
        for package in PACKAGES
        for file in (ROOT / package).rglob("*.py")
        if "migrations" not in file.parts
    }
    assert {name: count for name, count in lines.items() if count > 300} == {}


@pytest.mark.unit
def test_nothing_is_left_to_do():
    words = re.compile(r"\b(TO[D]O|FIX[M]E)\b")
    left = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in ROOT.iterdir()
        for file in (path.rglob("*") if path.name in FOLDERS else [path])
        if file.is_file() and file.suffix in TEXTS and ".min." not in file.name
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if words.search(line)
    ]
    assert left == []
