// Acceptance window: inclusive bounds.
// Reference: fpga_gnn/reference/window.py
// Law:   low <= value <= high; a bound at the end of its format is open: it accepts all.
// Cost:  combinational.
module value_window #(
    parameter int VALUE_BITS = 8,
    parameter int BITS       = 8
) (
    input  logic signed [VALUE_BITS-1:0] value,
    input  logic signed [      BITS-1:0] low,
    input  logic signed [      BITS-1:0] high,
    output logic                         inside_window
);
    localparam int WIDE = VALUE_BITS > BITS ? VALUE_BITS : BITS;
    localparam logic [BITS-1:0] LARGEST = {BITS{1'b1}} >> 1;

    logic signed [WIDE-1:0] wide;

    assign wide = WIDE'(value);
    assign inside_window =
        (low == ~LARGEST || WIDE'(low) <= wide) && (high == LARGEST || wide <= WIDE'(high));
endmodule
