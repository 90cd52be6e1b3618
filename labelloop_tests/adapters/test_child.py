import os
import signal
import sys
from pathlib import Path

import pytest

from labelloop.adapters import child
from labelloop.adapters.child import ChildError, ask


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


def loud(number, name):
    sys.stdout.write("noise of an import\n")
    return {"twice": 2 * number, "name": name}


def broken():
    raise ImportError("libGL.so.1: cannot open\nshared object file")


def crashing():
    os.kill(os.getpid(), signal.SIGSEGV)


def quitting():
    sys.exit("no more")


def slow():
    signal.pause()


def home_of_the_child():
    return os.environ.get("DOCTOR_TEST", "")


def test_an_answer_comes_back_whatever_else_was_printed():
    assert ask(loud, 21, "ü") == {"twice": 42, "name": "ü"}
    assert ask(home_of_the_child, environment={"DOCTOR_TEST": "told"}) == "told"


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (broken, "ImportError: libGL.so.1: cannot open shared object file"),
        (crashing, f"its process ended with -{int(signal.SIGSEGV)}"),
        (quitting, "its process ended with 1: no more"),
    ],
)
def test_what_breaks_there_is_a_sentence_here(function, said):
    with pytest.raises(ChildError) as told:
        ask(function)
    assert told.value.what.startswith(said)


def test_it_is_not_waited_for_for_ever(monkeypatch):
    monkeypatch.setattr(child, "LONGEST_SECONDS", 0.5)
    with pytest.raises(ChildError, match="no answer within"):
        ask(slow)
