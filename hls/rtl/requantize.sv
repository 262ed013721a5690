// Bring an integer to a format with SHIFT fewer fraction bits: round, then saturate.
// Reference: fpga_gnn/contract/fixed_point.py (requantize)
// Law:   in_value / 2^SHIFT, rounded half-to-even (HALF_EVEN) or down, clipped to the OUT format.
//        A negative SHIFT multiplies.
// Cost:  no register; an increment and two comparisons with constants.
module requantize #(
    parameter int IN_BITS    = 18,
    parameter bit IN_SIGNED  = 1,
    parameter int SHIFT      = 2,
    parameter int OUT_BITS   = 8,
    parameter bit OUT_SIGNED = 1,
    parameter bit HALF_EVEN  = 1
) (
    input  logic [ IN_BITS-1:0] in_value,
    output logic [OUT_BITS-1:0] out_value
);
    localparam int LEFT = SHIFT < 0 ? -SHIFT : 0;
    localparam int RIGHT = SHIFT > 0 ? SHIFT : 0;
    // Signed, with a bit for the increment, and wide enough for the bounds of the output.
    localparam int BITS = (IN_BITS + LEFT > OUT_BITS ? IN_BITS + LEFT : OUT_BITS) + 2;
    localparam logic signed [BITS-1:0] HIGH = (BITS'(1) << (OUT_BITS - 32'(OUT_SIGNED))) - BITS'(1);
    localparam logic signed [BITS-1:0] LOW = OUT_SIGNED ? -HIGH - BITS'(1) : '0;

    logic signed [BITS-1:0] value, rounded;
    logic up;

    assign value = {{BITS - IN_BITS{IN_SIGNED && in_value[IN_BITS-1]}}, in_value} << LEFT;

    if (RIGHT > 0 && HALF_EVEN) begin : half_even
        localparam logic [RIGHT-1:0] HALF = RIGHT'(1) << (RIGHT - 1);
        logic [RIGHT-1:0] rest;
        assign rest = value[RIGHT-1:0];
        assign up = rest[RIGHT-1] && (rest != HALF || value[RIGHT]);
    end else begin : down
        assign up = 1'b0;
    end
    assign rounded = (value >>> RIGHT) + $signed({{BITS - 1{1'b0}}, up});
    assign out_value = OUT_BITS'(rounded > HIGH ? HIGH : rounded < LOW ? LOW : rounded);
endmodule
