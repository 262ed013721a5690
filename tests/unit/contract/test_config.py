from __future__ import annotations

import json
import random
from copy import deepcopy
from itertools import permutations
from typing import get_args

import pytest
import yaml
from pydantic import ValidationError

from fpga_gnn.contract import MlpBits, contract_names, load_contract, parse_contract
from fpga_gnn.contract.config import EdgeFeature
from fpga_gnn.errors import InputError
from fpga_gnn.resources import resource_dir

W8 = load_contract("w8")


def put(value):
    def change(section, key):
        section[key] = value

    return change


def drop(section, key):
    del section[key]


def refusal(action, *args) -> str:
    """Return the message of the ``InputError`` that ``action`` raises: always one line."""
    with pytest.raises(InputError) as caught:
        action(*args)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def refused(document) -> str:
    """Return the error line of a wrong document; it names the file."""
    line = refusal(parse_contract, document, "design.yaml")
    assert line.startswith("design.yaml: ")
    return line


@pytest.fixture
def refused_file(tmp_path):
    """Return refused_file(YAML text): the error line of a wrong file; it names the file."""

    def load(text: str) -> str:
        path = tmp_path / "design.yaml"
        path.write_text(text)
        line = refusal(load_contract, path)
        assert line.startswith(f"{path}: ")
        return line

    return load


def test_every_shipped_contract_loads_under_its_own_name():
    assert "w8" in contract_names()
    for name in contract_names():
        assert load_contract(name).name == name


def test_unknown_name_lists_the_known_ones():
    line = refusal(load_contract, "w9")
    assert "'w9'" in line
    assert all(name in line for name in contract_names())


def test_unknown_key_is_named_with_the_known_ones_at_every_level(document, walk, edited):
    sections = [(), *(path for path, value in walk(document) if isinstance(value, dict))]
    assert len(sections) > 15
    for section in sections:
        if section[:2] in {("features", "node"), ("features", "edge")}:
            continue
        line = refused(edited((*section, "widht"), put(1)))
        assert f"unknown key {'.'.join((*section, 'widht'))}" in line
        known = document
        for key in section:
            known = known[key]
        assert f"expected one of {', '.join(sorted(known))}" in line


@pytest.mark.parametrize("kind", ["node", "edge"])
def test_unknown_feature_is_named_with_the_known_ones(edited, kind):
    line = refused(edited(("features", kind, "radius"), put(1)))
    assert f"features.{kind}.radius" in line
    assert "'phi'" in line or "'dphi'" in line


def test_missing_key_is_named_at_every_level(document, walk, edited):
    optional = {"signed"}
    for path, _ in walk(document):
        if path[-1] in optional or path[:2] in {("features", "node"), ("features", "edge")}:
            continue
        assert f"no key {'.'.join(path)}" in refused(edited(path, drop))
    for kind in ("node", "edge"):
        assert f"no key features.{kind}" in refused(edited(("features", kind), drop))
        assert f"features.{kind}" in refused(edited(("features", kind), put({})))


@pytest.mark.parametrize("value", [3.5, 8.0, "8", True, None, [8], {"bits": 8}])
def test_every_number_must_be_an_integer(document, walk, edited, value):
    numbers = [p for p, v in walk(document) if isinstance(v, int) and not isinstance(v, bool)]
    assert len(numbers) > 30
    for path in numbers:
        line = refused(edited(path, put(value)))
        assert f"{'.'.join(path)}: found {value!r}, expected" in line
        assert "integer" in line


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("hit", "length", "bits"), 0, "greater than or equal to 1"),
        (("hit", "length", "bits"), 33, "less than or equal to 32"),
        (("hit", "length", "frac"), 49, "less than or equal to 48"),
        (("hit", "length", "signed"), 1, "boolean"),
        (("hit", "phi", "frac"), 17, "binary angle of one turn"),
        (("hit", "phi", "signed"), False, "binary angle of one turn"),
        (("features", "node", "r"), -9, "greater than or equal to -8"),
        (("features", "edge", "dz"), 18, "less than or equal to 17"),
        (("network", "iterations"), 0, "greater than or equal to 1"),
        (("network", "mlp_layers"), 0, "greater than or equal to 1"),
        (("network", "mlp_layers"), 4, "less than or equal to 3"),
        (("network", "shared_weights"), 1, "boolean"),
        (("network", "aggregation"), "mean", "'sum' or 'max'"),
        (("network", "rounding"), "half_up", "'half_even' or 'floor'"),
        (("network", "bits", "aggregate"), 1, "greater than or equal to 2"),
        (("network", "bits", "decoder", "output"), 17, "less than or equal to 16"),
        (("network", "bits", "edge_update"), 8, "dictionary"),
        (("partition", "max_nodes"), 1, "greater than or equal to 2"),
        (("name",), "../w8", "match pattern"),
        (("hit",), 5, "dictionary"),
    ],
)
def test_values_outside_their_range_are_named(edited, path, value, expected):
    line = refused(edited(path, put(value)))
    assert path[0] in line
    assert expected in line


@pytest.mark.parametrize(
    "text", ["name: [w8", "a: b: c", "name: 'w8", "\tname: w8", "!!python/object:os.x {}", "\0"]
)
def test_bad_yaml_is_one_line(refused_file, text):
    assert "expected valid YAML" in refused_file(text)


@pytest.mark.parametrize("text", ["", "- w8", "w8", "7"])
def test_a_document_that_is_no_mapping_is_refused(refused_file, text):
    assert "document" in refused_file(text)


def test_a_wrong_file_names_file_key_value_and_what_is_expected(refused_file, edited):
    line = refused_file(yaml.safe_dump(edited(("partition", "max_nodes"), put(3.5))))
    assert "partition.max_nodes: found 3.5, expected" in line
    assert line.endswith("valid integer")


def test_files_that_cannot_be_read_are_refused(tmp_path):
    missing, folder, binary = (tmp_path / f"{name}.yaml" for name in ("none", "folder", "binary"))
    folder.mkdir()
    binary.write_bytes(b"name: \xff\xfe")
    for path in (missing, folder, binary):
        line = refusal(load_contract, path)
        assert str(path) in line
        assert "YAML" in line


def test_a_key_given_twice_is_refused(refused_file, document):
    refused_file(yaml.safe_dump(document) + "name: other\n")


OTHER = {"w8": "w8x", "sum": "max", "half_even": "floor", True: False, False: True}


def more(path, value):
    """Return another allowed value: lanes are a power of two."""
    return 2 * value if path[-2:] == ("module_map", "lanes") else value + 1


def test_hash_depends_on_every_field(document, walk, edited):
    hashes, phi = {W8.sha256}, {"bits": 17, "frac": 17, "signed": True}
    changed = [edited(("hit", "phi"), put(phi)), edited(("features", "node", "phi"), put(0))]
    for path, value in walk(document):
        if isinstance(value, dict) or path[:2] == ("hit", "phi"):
            continue
        other = OTHER[value] if isinstance(value, (str, bool)) else more(path, value)
        changed.append(edited(path, put(other)))
        if path[:2] in {("features", "node"), ("features", "edge")}:
            changed.append(edited(path, drop))
    hashes |= {parse_contract(data, "changed").sha256 for data in changed}
    assert len(hashes) == 1 + len(changed)


def test_map_hash_depends_on_hits_and_windows_only(document, walk, edited):
    for path, value in walk(document):
        if isinstance(value, bool) or not isinstance(value, int) or path[:2] == ("hit", "phi"):
            continue
        other = parse_contract(edited(path, put(more(path, value))), "changed")
        assert (other.map_sha256 != W8.map_sha256) == (path[0] in {"hit", "windows"})


def shuffled(section, rng):
    items = [(k, shuffled(v, rng) if isinstance(v, dict) else v) for k, v in section.items()]
    rng.shuffle(items)
    return dict(items)


def test_order_of_the_file_changes_nothing(document, tmp_path):
    path = tmp_path / "w8.yaml"
    for seed in range(20):
        path.write_text(yaml.safe_dump(shuffled(document, random.Random(seed)), sort_keys=False))
        other = load_contract(path)
        assert other == W8
        assert other.sha256 == W8.sha256
        assert list(other.features.node) == list(W8.features.node)
        assert list(other.features.edge) == list(W8.features.edge)


def test_spelling_out_a_default_changes_nothing(edited):
    assert parse_contract(edited(("hit", "eta", "signed"), drop), "w8") == W8


@pytest.mark.parametrize(
    ("kind", "columns"),
    [
        ("node", ("r", "phi", "z", "eta")),
        ("edge", ("dr", "dphi", "dz", "deta")),
        ("edge", ("deta", "phi_slope", "r_phi_slope", "z0", "direction")),
    ],
)
def test_feature_columns_keep_their_order_through_sorted_json(edited, kind, columns):
    for order in permutations(columns):
        listed = parse_contract(edited(("features", kind), put(dict.fromkeys(order, 1))), "listed")
        text = json.dumps(listed.model_dump(mode="json"), sort_keys=True)
        for contract in (listed, parse_contract(json.loads(text), "json")):
            assert tuple(getattr(contract.features, kind)) == columns
            assert contract.sha256 == listed.sha256


def test_all_edge_features_have_their_column_whatever_order_a_file_gives(edited):
    columns = get_args(EdgeFeature)
    for seed in range(20):
        order = random.Random(seed).sample(columns, len(columns))
        listed = parse_contract(edited(("features", "edge"), put(dict.fromkeys(order, -8))), "any")
        assert tuple(listed.features.edge) == columns


def test_the_bits_of_every_role_are_read(document, edited):
    bits = W8.network.bits
    eight = MlpBits(weight=8, bias=8, hidden=8, output=8)
    assert bits.node_encoder == bits.edge_encoder == bits.edge_update == bits.node_update == eight
    assert bits.decoder == eight.model_copy(update={"output": 12})
    assert bits.aggregate == 8
    numbered = iter(range(2, 17))
    roles = ("node_encoder", "edge_update", "decoder")
    other = document["network"]["bits"] | {
        role: {name: next(numbered) for name in MlpBits.model_fields} for role in roles
    }
    read = parse_contract(edited(("network", "bits"), put(other)), "numbered").network.bits
    assert [list(getattr(read, role).model_dump().values()) for role in roles] == [
        [2, 3, 4, 5],
        [6, 7, 8, 9],
        [10, 11, 12, 13],
    ]


def test_an_anchor_with_a_change_is_no_key_given_twice(tmp_path):
    text = (resource_dir("quant_configs") / "w8.yaml").read_text()
    merged = text.replace("{weight: 8, bias: 8, hidden: 8, output: 12}", "{<<: *mlp, output: 12}")
    assert merged != text
    path = tmp_path / "w8.yaml"
    path.write_text(merged)
    assert load_contract(path) == W8


def test_window_formats_go_by_their_name_in_either_doublet():
    windows = W8.windows
    assert windows.of("z0") == windows.of("inner_z0") == windows.of("outer_z0") == windows.z0
    assert windows.of("outer_phi_slope") == windows.phi_slope
    assert windows.of("dydx") == windows.dydx


def test_other_partition_slots_make_another_contract():
    other = W8.with_partition(32, 64)
    assert (other.partition.max_nodes, other.partition.max_edges) == (32, 64)
    assert other.partition.usable_nodes == 31
    assert other.sha256 != W8.sha256
    assert other.map_sha256 == W8.map_sha256
    assert other.with_partition(W8.partition.max_nodes, W8.partition.max_edges) == W8


def test_require_hash_shows_both_hashes_and_what_to_run():
    W8.require_hash(W8.sha256, "model")
    other = W8.with_partition(32, 64)
    line = refusal(W8.require_hash, other.sha256, "model")
    assert line.startswith("model: ")
    assert other.sha256[:12] in line
    assert W8.sha256[:12] in line
    assert "fpga-gnn train" in line


def test_a_contract_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        W8.hit.length.bits = 3


@pytest.mark.parametrize(
    ("feature", "shift", "length"), [("z0", -8, 27), ("r_phi_slope", -8, 32), ("z0", 0, 31)]
)
def test_a_ratio_that_overflows_64_bits_is_refused(document, feature, shift, length):
    wide = deepcopy(document)
    wide["hit"]["length"]["bits"] = length
    wide["features"]["edge"] = {"dr": 0, feature: shift}
    if feature == "r_phi_slope":
        wide["hit"]["phi"] |= {"bits": 22, "frac": 22}
    with pytest.raises(InputError, match=rf"features\.edge\.{feature} needs 6\d bits, at most 62"):
        parse_contract(wide, "wide.yaml")
    narrow = deepcopy(document)
    narrow["features"]["edge"] = {"dr": 0, feature: shift}
    parse_contract(narrow, "narrow.yaml")
