// A feature that is a difference of coordinates.
// Reference: fpga_gnn/graphs/graph.py
// Law:   value / 2^SHIFT, rounded half to even, then saturated to BITS (feature_clip.sv).
// Cost:  LATENCY >= 1 cycles, a value per cycle.
module shifted_feature #(
    parameter int WIDTH   = 18,
    parameter int SHIFT   = 0,
    parameter int BITS    = 12,
    parameter int LATENCY = 1
) (
    input  logic                    clk,
    input  logic signed [WIDTH-1:0] value,
    output logic signed [ BITS-1:0] feature,
    output logic                    clipped
);
    localparam int LEFT = SHIFT < 0 ? -SHIFT : 0;
    localparam int RIGHT = SHIFT > 0 ? SHIFT : 0;
    localparam int WIDE = WIDTH + LEFT + RIGHT + 1;

    logic signed [WIDE-1:0] wide;
    logic [WIDE-1:0] size, rest, half, rounded;
    logic signed [BITS-1:0] clipped_feature;
    logic is_clipped;

    // Half to even is symmetric, so sizes are rounded.
    assign wide = WIDE'(value);
    assign size = WIDE'(wide < 0 ? -wide : wide) << LEFT;
    assign rest = size & ((WIDE'(1) << RIGHT) - 1'b1);
    assign half = (WIDE'(1) << RIGHT) >> 1;
    assign rounded = (size >> RIGHT)
        + WIDE'(RIGHT > 0 && (rest > half || (rest == half && size[RIGHT])));

    feature_clip #(
        .SIZE_BITS(WIDE),
        .BITS     (BITS)
    ) clip (
        .negative(value < 0),
        .size    (rounded),
        .feature (clipped_feature),
        .clipped (is_clipped)
    );

    delay_line #(
        .WIDTH (BITS + 1),
        .CYCLES(LATENCY)
    ) late (
        .clk    (clk),
        .in_row ({clipped_feature, is_clipped}),
        .out_row({feature, clipped})
    );
endmodule
