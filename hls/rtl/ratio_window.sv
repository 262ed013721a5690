// Acceptance window of a ratio, compared without a division.
// Reference: fpga_gnn/reference/window.py
// Law:   low <= numerator * 2^SHIFT / denominator <= high, cross-multiplied; a zero denominator makes
//        +infinity (positive_at_zero) or -infinity. A bound at the end of its format is open.
// Cost:  three cycles, a test per cycle; two multipliers of BITS x DENOMINATOR_BITS.
module ratio_window #(
    parameter int NUMERATOR_BITS   = 16,
    parameter int DENOMINATOR_BITS = 16,
    parameter int BITS             = 8,
    parameter int SHIFT            = 0
) (
    input  logic                               clk,
    input  logic signed [  NUMERATOR_BITS-1:0] numerator,
    input  logic signed [DENOMINATOR_BITS-1:0] denominator,
    input  logic                               positive_at_zero,
    input  logic signed [            BITS-1:0] low,
    input  logic signed [            BITS-1:0] high,
    output logic                               inside_window
);
    // One bit more than the operands: the negative of the smallest integer must fit.
    localparam int SCALED_BITS = NUMERATOR_BITS + 1 + SHIFT;
    localparam int BOUND_BITS = DENOMINATOR_BITS + 1 + BITS;
    localparam int WIDE = SCALED_BITS > BOUND_BITS ? SCALED_BITS : BOUND_BITS;
    localparam logic [BITS-1:0] LARGEST = {BITS{1'b1}} >> 1;

    logic signed [NUMERATOR_BITS:0] positive_numerator;
    logic signed [DENOMINATOR_BITS:0] positive_denominator;
    logic signed [BITS-1:0] low_bound, high_bound;
    logic signed [WIDE-1:0] scaled, low_product, high_product;
    // Of the first and the second cycle: a zero denominator, and what it accepts; open bounds.
    logic [1:0] at_zero, accepts_at_zero, open_below, open_above;

    always_ff @(posedge clk) begin
        positive_numerator <= denominator < 0 ? -(NUMERATOR_BITS + 1)'(numerator)
                                              : (NUMERATOR_BITS + 1)'(numerator);
        positive_denominator <= denominator < 0 ? -(DENOMINATOR_BITS + 1)'(denominator)
                                                : (DENOMINATOR_BITS + 1)'(denominator);
        low_bound <= low;
        high_bound <= high;
        open_below <= {open_below[0], low == ~LARGEST};
        open_above <= {open_above[0], high == LARGEST};
        at_zero <= {at_zero[0], denominator == 0};
        accepts_at_zero <= {
            accepts_at_zero[0], positive_at_zero ? high == LARGEST : low == ~LARGEST
        };

        scaled <= WIDE'(positive_numerator) <<< SHIFT;
        low_product <= WIDE'(low_bound) * WIDE'(positive_denominator);
        high_product <= WIDE'(high_bound) * WIDE'(positive_denominator);

        inside_window <= at_zero[1] ? accepts_at_zero[1]
            : (open_below[1] || low_product <= scaled) && (open_above[1] || scaled <= high_product);
    end
endmodule
