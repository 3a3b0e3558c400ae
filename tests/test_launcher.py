"""The launcher: one program under every name, and no crash that looks like a regression."""

import subprocess
import sys
from pathlib import Path

import pytest

from deadheat import __main__ as launcher

pytestmark = pytest.mark.quick


def run(*arguments):
    return subprocess.run(arguments, capture_output=True, text=True, check=False)


def test_the_command_and_the_module_are_the_same_program():
    script = Path(sys.executable).with_name("deadheat")
    outputs = [run(script, "--version"), run(sys.executable, "-m", "deadheat", "--version")]
    assert [output.returncode for output in outputs] == [0, 0]
    assert outputs[0].stdout == outputs[1].stdout
    assert outputs[0].stdout.startswith("deadheat ")


@pytest.mark.parametrize("command", [[], ["compare"], ["demo"], ["clean"]])
def test_help_has_examples_and_exit_codes(command):
    output = run(sys.executable, "-m", "deadheat", *command, "--help")
    assert output.returncode == 0
    assert ("Example" if command else "Exit codes") in output.stdout
    if command == ["compare"]:
        assert "Exit codes" in output.stdout


def test_no_command_is_a_usage_error():
    assert run(sys.executable, "-m", "deadheat").returncode == 2


@pytest.mark.parametrize("error", [RuntimeError("boom"), KeyboardInterrupt(), SystemExit(1)])
def test_a_crash_ends_with_5(monkeypatch, capsys, error):
    from deadheat import _native

    def crash(*_):
        raise error

    monkeypatch.setattr(_native, "main", crash)
    assert launcher.main() == 5
    assert "the program failed" in capsys.readouterr().err


def test_a_missing_part_of_the_installation_ends_with_5(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "deadheat._native", None)
    monkeypatch.delattr("deadheat._native")
    assert launcher.main() == 5
    assert "install deadheat again" in capsys.readouterr().err


def test_windows_is_told_that_it_is_not_supported(monkeypatch, capsys):
    monkeypatch.setattr(sys, "platform", "win32")
    assert launcher.main() == 5
    assert "Windows is not supported" in capsys.readouterr().err
