"""The page as one HTML file that needs nothing beside it and asks for nothing on a network."""

from __future__ import annotations

from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined

from fpga_gnn.report.page import plots
from fpga_gnn.report.page.blocks import LABELS, Page

_PACKAGE, _ASSETS = "fpga_gnn.report.page", "assets"


def render(page: Page) -> str:
    """Return ``page`` as HTML; every text of it is escaped, equal pages give equal HTML."""
    environment = Environment(
        loader=PackageLoader(_PACKAGE, _ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"sort_keys": True, "separators": (",", ":")}
    return environment.get_template("page.html").render(
        page=page,
        labels=LABELS,
        style=_asset("page.css"),
        scripts=[plots.library(), _asset("plots.js"), _asset("event.js")],
    )


def _asset(name: str) -> str:
    return files(_PACKAGE).joinpath(_ASSETS, name).read_text(encoding="utf-8")
