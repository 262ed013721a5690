"""Every command block of every page runs, in order, and prints what the page says it prints."""

from __future__ import annotations

import re
import shutil
from functools import cache
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = sorted(
    str(page.relative_to(DOCS))
    for page in DOCS.rglob("*.md")
    if re.search(r"^```(sh|python)\b", page.read_text(), re.MULTILINE)
)

AFTER = dict.fromkeys(
    ("kernels.md", "module_map_bits.md", "quantization.md", "rtl.md"), "physics.md"
)
"""Pages that begin in the folder which another one leaves behind."""


def shapes(text: str) -> list[str]:
    """The lines of ``text`` with one space between words and # for numbers, empty ones left out."""
    lines = (re.sub(r"\d+(?:[.,]\d+)*", "#", " ".join(line.split())) for line in text.splitlines())
    return [line for line in lines if line]


@pytest.fixture(scope="module")
def visited(tmp_path_factory, blocks, shell):
    @cache
    def folder_after(page: str) -> Path:
        """Run the blocks of a page and return the folder in which they ran."""
        folder = tmp_path_factory.mktemp(Path(page).stem)
        if page in AFTER:
            shutil.copytree(folder_after(AFTER[page]), folder, dirs_exist_ok=True)
        printed = ""
        for block in blocks(DOCS / page):
            if block.language == "sh":
                printed = shell(block.text, folder, block.title)
            elif block.language == "python" and block.title != "not run here":
                (folder / "block.py").write_text(block.text)
                shell("python block.py", folder)
            elif block.title == "prints":
                lacking = [line for line in shapes(block.text) if line not in shapes(printed)]
                assert not lacking, f"{page} shows lines that are not printed:\n{printed}"
        return folder

    return folder_after


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("false; true", "^false; true"),
        ("fpga-gnn nonsense", "No such command 'nonsense'"),
        ("sleep 60 &", "leaves a process running"),
    ],
)
def test_a_block_that_goes_wrong_fails(shell, tmp_path, text, complaint):
    with pytest.raises(AssertionError, match=complaint):
        shell(text, tmp_path)


@pytest.fixture
def vendor_tools(fake_vitis):
    """Vitis as ``tests/fake_vitis.py``; ``source`` of its settings does nothing."""
    fake_vitis("vitis-run", "v++")


@pytest.mark.parametrize("page", [name for name in PAGES if name != "hardware.md"])
def test_every_block_of_the_page_runs(page, visited):
    pytest.importorskip("acts")
    visited(page)


@pytest.mark.usefixtures("vendor_tools")
def test_the_vendor_flow_runs_on_stand_ins(visited):
    folder = visited("hardware.md")
    assert list(folder.glob("build/design/vitis/reconstruct-hw-*/reconstruct.xclbin"))
