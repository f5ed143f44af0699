"""The file by which the SQL Server driver is told of TLS."""

import ctypes
import os
from multiprocessing import get_context

import pytest

from capacity.collection.sources.sqlserver import config

pytestmark = pytest.mark.unit


def told():
    """The file that the driver, which is C, takes its settings from."""
    getenv = ctypes.CDLL(None).getenv
    getenv.restype = ctypes.c_char_p
    return getenv(b"FREETDSCONF").decode()


def _tell(answers):
    with config.section("here:1433", encryption="require"):
        answers.put((told(), os.listdir(os.path.dirname(told()))))


def test_the_driver_knows_its_file_before_the_first_connection():
    assert told() == str(config._file)


def test_the_place_of_the_file_stays_as_connections_come_and_go():
    before = told()
    with config.section("here:1433", encryption="off"):
        assert told() == before
        with open(before) as file:
            assert file.read() == "[here:1433]\n\tencryption = off\n"
    with open(before) as file:
        assert file.read() == ""


def test_a_child_has_a_file_of_its_own():
    with config.section("parent:1433", encryption="off"):
        context = get_context("fork")
        answers = context.Queue()
        child = context.Process(target=_tell, args=(answers,))
        child.start()
        file, beside = answers.get(timeout=60)
        child.join()

        assert file != told()
        assert beside == ["freetds.conf"]
        with open(told()) as ours:
            assert ours.read().startswith("[parent:1433]")
