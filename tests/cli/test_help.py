"""Help of all commands, completion in a shell, and exit codes as the documentation lists them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from fpga_gnn import errors
from fpga_gnn.cli.main import app

ROOT = Path(__file__).parents[2]
PANELS = ["Start", "Data", "Graphs", "Training", "Physics", "Hardware", "Service", "Tools"]


def walk(command, path=()):
    """The words and the object of ``command`` and of all commands below."""
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from walk(below, (*path, name))


COMMANDS = dict(walk(get_command(app)))
GROUPS = [path for path, command in COMMANDS.items() if hasattr(command, "commands")]


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_is_whole_at_80_columns(fpga_gnn, path):
    outcome = fpga_gnn(*path, "--help")
    assert (outcome.code, outcome.err) == (0, "")
    usage, *lines = outcome.out.splitlines()
    assert usage.startswith(f"Usage: {' '.join(['fpga-gnn', *path])} ")
    assert max(map(len, lines)) <= 80
    assert [line for line in lines if line.rstrip().endswith("...")] == []


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_and_every_option_has_help(path):
    command = COMMANDS[path]
    assert command.help.endswith(".")
    own = [parameter for parameter in command.params if parameter.name != "help"]
    assert [parameter.name for parameter in own if not parameter.help] == []


@pytest.mark.parametrize("path", GROUPS, ids=" ".join)
def test_a_group_lists_its_commands_and_is_shown_without_one(fpga_gnn, path):
    outcome = fpga_gnn(*path)
    assert outcome.out == fpga_gnn(*path, "--help").out
    listed = re.findall(r"^  ([a-z][\w-]*) +[A-Z]", outcome.out, re.MULTILINE)
    assert sorted(listed) == sorted(COMMANDS[path].commands)


def test_commands_come_in_panels_by_the_order_of_work(fpga_gnn):
    titles = re.findall(r"^(\w+):$", fpga_gnn().out, re.MULTILINE)
    assert titles == ["Options", *PANELS]


def complete(words):
    """What bash offers after ``words``, the last of which is unfinished."""
    environment = os.environ | {
        "_FPGA_GNN_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(["fpga-gnn", *words]),
        "COMP_CWORD": str(len(words)),
    }
    program = Path(sys.executable).with_name("fpga-gnn")
    done = subprocess.run([program], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["tr"], ["train", "train-teacher"]),
        (["module-map", ""], ["build", "study", "bits"]),
        (["reconstruct", "--backend", ""], ["torch", "reference", "csim", "rtl", "board"]),
        (["train", "--detector", "p"], ["pixel"]),
        (["doctor", "--self"], ["--self-test"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_bash_completes_commands_options_and_choices(words, offered):
    assert sorted(complete(words)) == sorted(offered)


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_bash_learns_to_complete_as_the_documentation_says():
    page = (ROOT / "docs" / "cli.md").read_text()
    (command,) = re.findall(r"^```sh\n(eval .*?)```", page, re.MULTILINE | re.DOTALL)
    folder = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{folder}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", f"{command}\ncomplete -p fpga-gnn"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("complete -o default -F ")


def test_the_table_of_exit_codes_is_what_the_errors_say():
    page = (ROOT / "docs" / "cli.md").read_text()
    rows = re.findall(r"^\| (\d+) \| [^|]+ \| ([^|]*)\|$", page, re.MULTILINE)
    assert [int(code) for code, _ in rows] == [0, 1, 2, 130]
    documented = {
        name: int(code) for code, names in rows for name in re.findall(r"`(\w+Error)`", names)
    }
    classes = {
        name: kind.exit_code
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.FpgaGnnError)
    }
    assert documented == classes | {"OSError": 2}


def test_an_interrupted_command_exits_with_130(fpga_gnn, monkeypatch):
    stopped = typer.Typer()

    @stopped.command()
    def command():
        raise KeyboardInterrupt

    monkeypatch.setattr("fpga_gnn.cli.main.app", stopped)
    outcome = fpga_gnn()
    assert outcome.code == 130
    assert outcome.err.endswith("interrupted; the same command goes on where it stopped\n")
