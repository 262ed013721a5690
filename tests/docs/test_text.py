"""What pages say in words: commands, options, extras, links and messages exist."""

from __future__ import annotations

import ast
import re
import runpy
import shutil
import tomllib
from pathlib import Path

import click
import pytest
import typer

from fpga_gnn.cli.main import app, run
from fpga_gnn.events.sample import sample_store

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "quant_configs" / "README.md", *sorted(DOCS.rglob("*.md"))]
COMMAND = re.compile(
    r"^\s*(\$ |(sudo )?(apt|cp|curl|docker|export|fpga-gnn|make|mpirun|pip|python3?|torchrun)\b)",
    re.MULTILINE,
)
TROUBLE = DOCS / "troubleshooting.md"

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def outside_blocks(page: Path) -> str:
    return re.sub(r"^( *)```.*?^\1```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


@pages
def test_commands_are_in_blocks_that_run(page, blocks):
    """Blocks that run are those of the language sh (test_pages.py); others say that they do not."""
    for block in blocks(page):
        assert block.language not in {"bash", "console", "shell", "shell-session", "zsh"}
        if block.language != "sh" and block.title != "not run here":
            assert not COMMAND.search(block.text), block.text
    indented = re.findall(r"^ {4,}.*", outside_blocks(page), re.MULTILINE)
    assert [line for line in indented if COMMAND.search(line)] == []


@pages
def test_lists_begin_after_an_empty_line(page):
    """The site's Markdown wants it, though GitHub's does not."""
    text = outside_blocks(page)
    assert re.findall(r"^[^\s\-*#|\d].*\n(?:-|\d+\.) .*", text, re.MULTILINE) == []


@pages
def test_commands_named_elsewhere_exist(page, blocks):
    """Outside the blocks that run, `fpga-gnn COMMAND --option` names what there is."""
    texts = re.findall(r"`(fpga-gnn [^`]+)`", outside_blocks(page))
    for block in blocks(page):
        if block.language != "sh":
            texts += re.findall(r"(?<!\S)fpga-gnn (?:[^\n\\]|\\\n)*", block.text)
    for text in texts:
        command: click.Command = typer.main.get_command(app)
        options = {"--help"}
        for word in text.replace("\\\n", " ").split()[1:]:
            inner = getattr(command, "commands", {})
            if word in inner:
                command = inner[word]
            elif inner and not word.startswith("-"):
                assert word == "COMMAND", f"{text}: no command {word}"
            options |= {name for each in command.params for name in each.opts}
            if word.startswith("--"):
                assert word.partition("=")[0] in options, f"{text}: no option {word}"


@pages
def test_extras_exist(page):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = re.findall(r"(?:fpga-gnn|\.)\[([\w,]+)\]", page.read_text())
    assert {*",".join(asked).split(",")} - {""} <= {*project["optional-dependencies"]}


@pages
def test_links_lead_somewhere(page):
    """Relative links, and their anchors; the strict build of the site checks those within it."""
    for target in re.findall(r"\]\(([^)\s]+)\)", outside_blocks(page)):
        if re.match(r"\w+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", t).lower().replace(" ", "-") for t in titles}


def quoted_messages() -> list[str]:
    text = TROUBLE.read_text()
    shown = re.findall(r'```text title="error"\n(.*)\n```', text)
    return [*shown, *re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)]


@pytest.fixture(scope="module")
def strings() -> str:
    """Every string in the package's sources, parts of f-strings too."""
    files = (ROOT / "fpga_gnn").rglob("*.py")
    nodes = (node for file in files for node in ast.walk(ast.parse(file.read_text())))
    found = (n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str))
    return "\0".join(found)


@pytest.mark.parametrize("message", quoted_messages())
def test_a_quoted_message_is_still_in_the_code(message, strings):
    parts = re.split(r"…|: found |, expected |; |\w+\.json", message)
    words = [part.strip(" ,") for part in parts if re.search(r"\w", part)]
    assert words
    assert [part for part in words if part not in strings] == []


@pytest.mark.parametrize(
    "command",
    [
        ("evaluate", "--events", "nowhere", "--out", "new"),
        ("evaluate", "--events", "store", "--max-events", "99", "--out", "new"),
        ("simulate", "--seed", "99", "--out", "store"),
        ("estimate", "--config", "w9"),
        ("estimate", "--config", "wrong.yaml"),
        ("reconstruct", "store", "--backend", "board", "--out", "new"),
    ],
    ids=" ".join,
)
def test_a_message_is_printed_as_quoted(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(sample_store().path, "store")
    shipped = ROOT / "quant_configs" / "w8.yaml"
    Path("wrong.yaml").write_text(f"{shipped.read_text()}\nnmae: mine\n")
    with pytest.raises(SystemExit) as ended:
        run(command)
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    shown = ["fpga-gnn: error: " + re.escape(m).replace("…", ".*") for m in quoted_messages()]
    assert [pattern for pattern in shown if re.fullmatch(pattern, line)] != []


def test_the_layers_are_those_of_the_architecture_test():
    """The table of packages has their order, and the homes of foreign tools are there."""
    text = (DOCS / "architecture.md").read_text()
    held = runpy.run_path(str(ROOT / "tests" / "unit" / "test_architecture.py"))
    layers = re.findall(r"^\| (?:\[`(\w+)`\]\(.*?\)|`(\w+)`) \|", text, re.MULTILINE)
    assert ["".join(names) for names in layers] == list(held["ALLOWED"])
    homes = " ".join(re.findall(r"^\| [\w ,:]+ \| (`[^|]*/[^|]*`.*) \|$", text, re.MULTILINE))
    named = set(re.findall(r"`([\w/.]+)`", homes))
    assert len(named) > 8
    known = " ".join(str(homes) for homes in held["HOMES"].values())
    assert {home for home in named if home not in known} == set()
