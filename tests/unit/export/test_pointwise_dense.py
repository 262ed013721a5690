"""The dense kernel, with typed and with native arithmetic, against the integer reference."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

import numpy as np
import pytest

from fpga_gnn.contract import FixedPoint, IntegerLayer
from fpga_gnn.hw.kernels import hls_dir
from fpga_gnn.hw.toolchain import ap_types_dir
from fpga_gnn.models.student import accumulator_bound
from fpga_gnn.reference.mlp import dense

INCLUDE = ["-I", hls_dir() / "include", "-isystem", ap_types_dir()]

PROGRAM = """
#include <cstdio>
#include <cstdlib>
#include "ap_fixed.h"
#include "nnet_types.h"
#include "fpga_gnn/pointwise_dense.hpp"

struct CONFIG {{
    static const unsigned n_rows = {n_rows}, n_in = {n_in}, n_out = {n_out}, reuse_factor = 1;
    typedef {accumulator} accum_t;
    typedef {weight} weight_t;
    typedef {bias} bias_t;
}};
typedef nnet::array<{row}, {n_in}> row_t;
typedef nnet::array<{result}, {n_out}> result_t;

template <class fixed_T>
fixed_T next() {{
    long value;
    if (std::scanf("%ld", &value) != 1) std::exit(1);
    fixed_T fixed;
    fixed.range() = value;
    return fixed;
}}

int main() {{
    static CONFIG::weight_t weights[CONFIG::n_in * CONFIG::n_out];
    static CONFIG::bias_t biases[CONFIG::n_out];
    for (auto& weight : weights) weight = next<CONFIG::weight_t>();
    for (auto& bias : biases) bias = next<CONFIG::bias_t>();
    hls::stream<row_t> rows("rows");
    hls::stream<result_t> results("results");
    for (unsigned r = 0; r < CONFIG::n_rows; ++r) {{
        row_t row;
        for (unsigned i = 0; i < CONFIG::n_in; ++i) row[i] = next<{row}>();
        rows.write(row);
    }}
    fpga_gnn::pointwise_dense<row_t, result_t, CONFIG>(rows, results, weights, biases);
    for (unsigned r = 0; r < CONFIG::n_rows; ++r) {{
        const result_t result = results.read();
        for (unsigned j = 0; j < CONFIG::n_out; ++j) {{
            std::printf("%ld ", {result_integer}(result[j].range()).to_long());
        }}
    }}
}}
"""


@dataclass(frozen=True)
class Case:
    row: FixedPoint
    weight: FixedPoint
    bias: FixedPoint
    result: FixedPoint
    rounding: str
    n_in: int = 9
    n_out: int = 5
    finer: int = 0
    """Fraction bits of the accumulator beyond those it needs."""


CASES = {
    "features": Case(
        *(FixedPoint(bits=12, frac=11), FixedPoint(bits=8, frac=5), FixedPoint(bits=8, frac=4)),
        FixedPoint(bits=8, frac=7, signed=False),
        "half_even",
    ),
    "fine bias, finer accumulator": Case(
        FixedPoint(bits=8, frac=7, signed=False),
        FixedPoint(bits=6, frac=2),
        FixedPoint(bits=12, frac=11),
        FixedPoint(bits=9, frac=3),
        "floor",
        n_out=1,
        finer=3,
    ),
    "negative fractions": Case(
        FixedPoint(bits=12, frac=-3),
        FixedPoint(bits=10, frac=8),
        FixedPoint(bits=16, frac=2),
        FixedPoint(bits=14, frac=-4),
        "half_even",
        n_in=30,
    ),
}


def cpp(target, rounding=None):
    name = "ap_fixed" if target.signed else "ap_ufixed"
    modes = {"half_even": ", AP_RND_CONV, AP_SAT", "floor": ", AP_TRN, AP_SAT", None: ""}
    return f"{name}<{target.bits}, {target.bits - target.frac}{modes[rounding]}>"


def extremes(target, shape, generator):
    """Random integers of ``target``; a quarter of the rows at each of its ends."""
    values = generator.integers(target.min_int, target.max_int, shape, endpoint=True)
    quarter = len(values) // 4
    values[:quarter], values[quarter : 2 * quarter] = target.min_int, target.max_int
    return values


def layer(case, generator):
    """A layer with extreme weights in its first units and zeros in its last."""
    weight = extremes(case.weight, (case.n_out, case.n_in), generator)
    weight[-1, ::3] = 0
    bias = extremes(case.bias, (case.n_out,), generator)
    return IntegerLayer(weight, bias, case.weight.frac, case.bias.frac, case.result)


def accumulator(case, of):
    bound, frac = accumulator_bound(of, (case.row,) * case.n_in)
    return FixedPoint(bits=bound.bit_length() + 1 + case.finer, frac=frac + case.finer)


def source(case, accumulate, n_rows):
    return PROGRAM.format(
        n_rows=n_rows,
        n_in=case.n_in,
        n_out=case.n_out,
        accumulator=cpp(accumulate),
        weight=cpp(case.weight),
        bias=cpp(case.bias),
        row=cpp(case.row),
        result=cpp(case.result, case.rounding),
        result_integer=f"ap_{'' if case.result.signed else 'u'}int<{case.result.bits}>",
    )


@pytest.mark.parametrize("arithmetic", ["native", "typed"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_kernel_equals_the_reference(case, arithmetic, tmp_path):
    generator = np.random.default_rng(3)
    its = layer(case, generator)
    rows = extremes(case.row, (64, case.n_in), generator)
    program = tmp_path / "dense.cpp"
    program.write_text(source(case, accumulator(case, its), len(rows)))
    nnet = ap_types_dir().parent / "nnet_utils"
    define = ["-DFPGA_GNN_TYPED_ARITHMETIC"] if arithmetic == "typed" else []
    command = ["g++", "-std=c++17", "-O0", "-w", *define, *INCLUDE, "-I", nnet, program]
    subprocess.run([*command, "-o", tmp_path / "dense"], check=True)
    values = np.concatenate([its.weight.T.ravel(), its.bias, rows.ravel()])
    done = subprocess.run(
        [tmp_path / "dense"],
        input=" ".join(map(str, values.tolist())),
        capture_output=True,
        text=True,
        check=True,
    )
    found = np.array(done.stdout.split(), dtype=np.int64).reshape(len(rows), case.n_out)
    expected = dense(its, rows, case.row.frac, case.rounding)
    assert np.array_equal(found, expected)
    assert {case.result.min_int, case.result.max_int} & set(expected.ravel().tolist())
    assert len(np.unique(expected)) > 10


def test_an_accumulator_on_a_coarser_grid_does_not_compile(tmp_path):
    """It would round every product; hls4ml_checks refuses it before it is written, too."""
    case = CASES["features"]
    its = layer(case, np.random.default_rng(3))
    exact = accumulator(case, its)
    coarse = FixedPoint(bits=exact.bits, frac=exact.frac - 1)
    program = tmp_path / "dense.cpp"
    program.write_text(source(case, coarse, 1))
    nnet = ap_types_dir().parent / "nnet_utils"
    command = ["g++", "-std=c++17", "-fsyntax-only", "-w", *INCLUDE, "-I", nnet, program]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0
    assert "a coarser grid would round every product" in done.stderr
