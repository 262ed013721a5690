"""The site builds without a warning and asks no other host for anything."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRIVATE = {"cli", "report"}
"""Packages that nobody calls from Python: the command line, and what reports are made of."""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return folder


def test_pages_load_nothing_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        tags = re.findall(r"<(?:script|link|img|iframe|source)\b[^>]*>", page.read_text())
        assert [tag for tag in tags if re.search(r'(?:src|href)="?(?:https?:)?//', tag)] == []


def test_search_finds_words_of_the_pages(site):
    index = (site / "search" / "search_index.json").read_text()
    assert "module map" in index


def test_every_package_is_described():
    packages = {path.parent.name for path in (ROOT / "fpga_gnn").glob("*/__init__.py")}
    assert packages - PRIVATE == {page.stem for page in (ROOT / "docs/api").glob("*.md")} - {
        "index"
    }
