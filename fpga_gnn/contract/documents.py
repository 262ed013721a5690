"""YAML and JSON documents, which may come from anyone: read within limits, checked against a model.

Sizes are far above those of any real document; what they protect is in docs/untrusted_files.md.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError

from fpga_gnn.errors import InputError
from fpga_gnn.files import MIB, read_limited

MOST_JSON_BYTES = 8 * MIB
"""The record of a training on 50 000 events; what Python makes of a document, or of the errors in
it, is up to a hundred times as large."""
MOST_YAML_BYTES = MIB // 4
"""A hundred contracts; PyYAML takes seconds for it."""
MOST_YAML_NODES = 20_000
"""Keys and values, those of an anchor counted wherever an alias repeats them."""
MOST_YAML_DEPTH = 32
"""Sequences and mappings inside each other."""
MOST_YAML_SCALAR = 1000
"""Characters of a key or a value."""

_MOST_ERRORS = 1000

_T = TypeVar("_T")


def read_json(
    path: Path, kind: type[_T], expected: str, hint: str = "", most: int = MOST_JSON_BYTES
) -> _T:
    """Read the JSON of ``kind``, a model or another type that pydantic knows, of ``most`` bytes.

    ``expected`` says in errors what the file should be. ``InputError`` for no file, one too large,
    broken JSON, and a key or value that ``kind`` refuses.
    """
    return parse_json(read_limited(path, most, expected, hint), kind, path, expected, hint)


def parse_json(data: bytes, kind: type[_T], where: object, expected: str, hint: str = "") -> _T:
    """Return the value of ``kind`` that the JSON ``data`` holds; errors as ``read_json``."""
    try:
        return TypeAdapter(kind).validate_json(data)
    except ValidationError as error:
        if error.error_count() > _MOST_ERRORS:  # to list them takes a hundred times the document
            found = f"{error.error_count()} wrong keys or values"
            raise InputError(where, found, expected, hint) from None
        first = error.errors(include_url=False, include_context=False)[0]
        if first["type"] == "json_invalid":
            raise InputError(where, f"broken JSON ({first['msg']})", expected, hint) from None
        raise validation_error(error, where, kind, hint) from None


def read_yaml(path: Path) -> Any:
    """Read a YAML document; ``InputError`` for no file, bad YAML, a key given twice, or more of
    anything than the limits above allow."""
    data = read_limited(path, MOST_YAML_BYTES, "a YAML file")
    try:
        return yaml.load(data.decode(), _Limited)
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # no UTF-8, a 13th month
        raise InputError(path, " ".join(str(error).split()), "valid YAML") from None


def validation_error(
    error: ValidationError, where: object, kind: type[Any], hint: str = ""
) -> InputError:
    """Turn pydantic's first complaint into one line that also lists the known keys."""
    first = error.errors(include_url=False, include_context=False)[0]
    key = ".".join(str(part) for part in first["loc"]) or "document"
    if first["type"] == "extra_forbidden":
        known = _known_keys(kind, first["loc"][:-1])
        return InputError(where, f"unknown key {key}", f"one of {', '.join(known)}", hint)
    if first["type"] == "missing":
        return InputError(where, f"no key {key}", "the key to be set", hint)
    expected = first["msg"].removeprefix("Input should be ")
    return InputError(f"{where}: {key}", repr(first["input"]), expected, hint)


class _Limited(yaml.SafeLoader):
    """Refuses a document of too many nodes, of too deep ones, tags (values say what they are), and
    a mapping with a key given twice, of which YAML would keep the last."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._nodes = 0
        self._sizes: dict[yaml.Node, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        mark, before, is_alias = event.start_mark, self._nodes, isinstance(event, yaml.AliasEvent)
        if getattr(event, "tag", None) is not None:
            raise _refused("a tag", mark)
        self._depth += 1
        if self._depth > MOST_YAML_DEPTH:
            raise _refused(f"more than {MOST_YAML_DEPTH} levels", mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        if node is None:
            return None
        if is_alias and node not in self._sizes:
            raise _refused("an alias inside what it repeats", mark)
        self._nodes += self._sizes[node] if is_alias else 1
        if self._nodes > MOST_YAML_NODES:
            raise _refused(f"more than {MOST_YAML_NODES} values, aliases written out", mark)
        if isinstance(node, yaml.ScalarNode) and len(node.value) > MOST_YAML_SCALAR:
            raise _refused(f"a value of {len(node.value)} characters", mark)
        self._sizes[node] = self._nodes - before
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        twice = sorted(key for key, count in keys.items() if count > 1)
        if twice:
            raise _refused(f"key {twice[0]} given twice", node.start_mark)
        return super().construct_mapping(node, deep)


def _refused(problem: str, mark: Any) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, problem, mark)


def _known_keys(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    for part in loc:
        field = model.model_fields.get(str(part))
        if field is None or not (
            isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        ):
            break
        model = field.annotation
    return sorted(model.model_fields)
