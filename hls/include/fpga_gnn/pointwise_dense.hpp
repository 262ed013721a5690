// Apply one quantized dense layer to every row: bias plus products, rounded once.
// Reference: fpga_gnn/reference/mlp.py
// Law:   results[r][j] = result_T(biases[j] + sum over i of rows[r][i] * weights[i][j]): exact up
//        to the one rounding and saturation of the result's type.
// Needs: n_rows rows on `rows`; an accum_t that holds every partial sum, on a grid no coarser than
//        those of the products and the biases (export/hls4ml_checks.py proves both per layer).
// Cost:  n_rows * reuse_factor cycles; a product per weight that is not zero (zero weights are
//        constants, so their products go). A count of the loops, not a synthesis result.
//
// Synthesis sees typed arithmetic. The host computes the same in native integers, which is an order
// of magnitude faster; FPGA_GNN_TYPED_ARITHMETIC gives it the typed one, for tests.
#pragma once

#include <cstdint>

#include "hls_stream.h"
#include "macros.hpp"

#if defined(__SYNTHESIS__) && !defined(FPGA_GNN_TYPED_ARITHMETIC)
#define FPGA_GNN_TYPED_ARITHMETIC
#endif

namespace fpga_gnn {

#ifdef FPGA_GNN_TYPED_ARITHMETIC

template <class CONFIG_T, class row_T, class result_T>
void dense_row(const row_T& row, result_T& result,
               const typename CONFIG_T::weight_t (&weights)[CONFIG_T::n_in * CONFIG_T::n_out],
               const typename CONFIG_T::bias_t (&biases)[CONFIG_T::n_out]) {
    FPGA_GNN_HLS(inline)
    typename CONFIG_T::accum_t sums[CONFIG_T::n_out];
    FPGA_GNN_HLS(array_partition variable = sums complete)
BIASES:
    for (unsigned j = 0; j < CONFIG_T::n_out; ++j) {
        FPGA_GNN_HLS(unroll)
        sums[j] = biases[j];
    }
INPUTS:
    for (unsigned i = 0; i < CONFIG_T::n_in; ++i) {
        FPGA_GNN_HLS(unroll)
    PRODUCTS:
        for (unsigned j = 0; j < CONFIG_T::n_out; ++j) {
            FPGA_GNN_HLS(unroll)
            const typename CONFIG_T::weight_t weight = weights[i * CONFIG_T::n_out + j];
            if (weight != 0) {
                sums[j] += row[i] * weight;
            }
        }
    }
RESULTS:
    for (unsigned j = 0; j < CONFIG_T::n_out; ++j) {
        FPGA_GNN_HLS(unroll)
        result[j] = sums[j];
    }
}

#else

template <class fixed_T>
constexpr int fraction_bits() {
    return fixed_T::width - fixed_T::iwidth;
}

template <class CONFIG_T, class row_T, class result_T>
void dense_row(const row_T& row, result_T& result,
               const typename CONFIG_T::weight_t (&weights)[CONFIG_T::n_in * CONFIG_T::n_out],
               const typename CONFIG_T::bias_t (&biases)[CONFIG_T::n_out]) {
    typedef typename CONFIG_T::accum_t accum_t;
    constexpr int finer = fraction_bits<accum_t>() - fraction_bits<typename row_T::value_type>() -
                          fraction_bits<typename CONFIG_T::weight_t>();
    static_assert(finer >= 0, "a coarser grid would round every product");
    static_assert(fraction_bits<accum_t>() >= fraction_bits<typename CONFIG_T::bias_t>(),
                  "a coarser grid would round the biases");
    static_assert(accum_t::width <= 64, "a native integer holds every partial sum");
    std::int64_t sums[CONFIG_T::n_out];
BIASES:
    for (unsigned j = 0; j < CONFIG_T::n_out; ++j) {
        const accum_t bias = biases[j];
        sums[j] = std::int64_t(bias.V);
    }
INPUTS:
    for (unsigned i = 0; i < CONFIG_T::n_in; ++i) {
        const std::int64_t input = std::int64_t(row[i].V) * (std::int64_t(1) << finer);
    PRODUCTS:
        for (unsigned j = 0; j < CONFIG_T::n_out; ++j) {
            sums[j] += input * std::int64_t(weights[i * CONFIG_T::n_out + j].V);
        }
    }
RESULTS:
    for (unsigned j = 0; j < CONFIG_T::n_out; ++j) {
        accum_t sum;
        sum.V = sums[j];
        result[j] = sum;
    }
}

#endif

template <class row_T, class result_T, class CONFIG_T>
void pointwise_dense(
    hls::stream<row_T>& rows, hls::stream<result_T>& results,
    const typename CONFIG_T::weight_t (&weights)[CONFIG_T::n_in * CONFIG_T::n_out],
    const typename CONFIG_T::bias_t (&biases)[CONFIG_T::n_out]) {
    static_assert(row_T::size == CONFIG_T::n_in, "a row has the layer's inputs");
    static_assert(result_T::size == CONFIG_T::n_out, "a result has the layer's outputs");
    FPGA_GNN_HLS(function_instantiate variable = weights, biases)
    FPGA_GNN_HLS(array_partition variable = weights complete)
    FPGA_GNN_HLS(array_partition variable = biases complete)

ROWS:
    for (unsigned r = 0; r < CONFIG_T::n_rows; ++r) {
        FPGA_GNN_HLS(pipeline II = CONFIG_T::reuse_factor)
        const row_T row = rows.read();
        result_T result;
        dense_row<CONFIG_T>(row, result, weights, biases);
        results.write(result);
    }
}

}  // namespace fpga_gnn
