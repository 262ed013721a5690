from __future__ import annotations

import numpy as np
import pytest
import torch

from fpga_gnn.contract import FixedPoint, MlpBits, requantize
from fpga_gnn.errors import FpgaGnnError
from fpga_gnn.models import quantizers

EIGHT = MlpBits(weight=8, bias=8, hidden=8, output=8)


def half_lsbs(target: FixedPoint) -> np.ndarray:
    """All multiples of half an LSB around the range of ``target``: ties and saturation."""
    return np.arange(2 * target.min_int - 9, 2 * target.max_int + 9)


def test_feature_quantizer_has_the_fixed_format():
    target = FixedPoint(bits=12, frac=11)
    quantizer = quantizers.feature_quantizer(target)
    assert quantizers.activation_format(quantizer) == target
    assert not list(quantizer.parameters())


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("rounding", ["half_even", "floor"])
@pytest.mark.parametrize("make", [quantizers.relu, quantizers.requantizer])
def test_activations_round_as_told_and_saturate(make, rounding, bits):
    quantizer = make(bits, rounding)
    with quantizers.calibrating(quantizer):
        quantizer(torch.full((10,), 3.3))
    target = quantizers.activation_format(quantizer)
    assert (target.bits, target.signed) == (bits, make is quantizers.requantizer)
    assert target.max_int < 2**target.frac * 4 <= target.max_int + 1
    halves = half_lsbs(target)
    x = torch.tensor(np.ldexp(halves, -target.frac - 1), dtype=torch.float32)
    found = np.ldexp(quantizer(x).detach().numpy(), target.frac)
    assert np.array_equal(found, requantize(halves, target.frac + 1, target, rounding))
    if rounding == "floor":
        assert np.array_equal(found, np.clip(halves // 2, target.min_int, target.max_int))


def test_calibration_covers_the_largest_batch_and_ignores_outliers():
    quantizer = quantizers.requantizer(8, "half_even")
    with quantizers.calibrating(quantizer):
        quantizer(torch.full((10,), 1.5))
        quantizer(torch.cat([torch.full((4999,), 0.7), torch.tensor([1000.0])]))
        quantizer(torch.zeros(0))
    assert quantizers.activation_format(quantizer).frac == 8 - 1 - 1
    quantizer(torch.full((10,), 100.0))
    assert quantizers.activation_format(quantizer).frac == 8 - 1 - 1


def test_a_dead_activation_keeps_a_finite_format():
    quantizer = quantizers.relu(8, "floor")
    with quantizers.calibrating(quantizer):
        quantizer(torch.full((10,), -1.0))
    assert quantizers.activation_format(quantizer).frac == 8 + 4


@pytest.mark.parametrize("rounding", ["half_even", "floor"])
@pytest.mark.parametrize("bits", [(4, 6), (8, 8)])
def test_integer_layer_is_what_the_layer_computes(bits, rounding):
    torch.manual_seed(0)
    widths = EIGHT.model_copy(update={"weight": bits[0], "bias": bits[1]})
    layer, activation = quantizers.linear(5, 3, widths), quantizers.relu(8, rounding)
    x = torch.randint(-128, 128, (50, 5)) / 16.0
    with quantizers.calibrating(activation):
        expected = activation(layer(x)).detach().numpy()
    integers = quantizers.integer_layer(layer, activation)
    assert abs(integers.weight).max() < 2 ** (bits[0] - 1)
    assert abs(integers.bias).max() <= 2 ** (bits[1] - 1)
    frac = max(4 + integers.weight_frac, integers.bias_frac)
    products = np.rint(x.numpy() * 16).astype(np.int64) @ integers.weight.T
    total = (products << (frac - 4 - integers.weight_frac)) + (
        integers.bias << (frac - integers.bias_frac)
    )
    found = requantize(total, frac, integers.output, rounding)
    assert np.array_equal(found, np.ldexp(expected, integers.output.frac))


def test_all_zero_tensors_have_a_bounded_binary_point():
    layer = quantizers.linear(2, 2, EIGHT)
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    integers = quantizers.integer_layer(layer, quantizers.relu(8, "half_even"))
    assert not integers.weight.any()
    assert not integers.bias.any()
    assert (integers.weight_frac, integers.bias_frac) == (7 + 4, 7 + 4)


def test_a_scale_that_is_no_power_of_two_is_refused():
    with pytest.raises(FpgaGnnError, match=r"found 0\.75, expected a power of two"):
        quantizers._binary_point(torch.tensor(0.75))
