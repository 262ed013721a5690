// A feature from its sign and size: clipped to the classifier's input format.
// Reference: fpga_gnn/graphs/graph.py
// Law:   `negative ? -size : size`, saturated to BITS; `clipped` where that changed it.
// Needs: a size of all ones for what is larger than any format.
// Cost:  combinational.
module feature_clip #(
    parameter int SIZE_BITS = 16,
    parameter int BITS      = 12
) (
    input  logic                        negative,
    input  logic        [SIZE_BITS-1:0] size,
    output logic signed [     BITS-1:0] feature,
    output logic                        clipped
);
    localparam int WIDE = SIZE_BITS > BITS ? SIZE_BITS : BITS;

    logic [WIDE-1:0] limit;
    logic [BITS-1:0] kept;

    assign limit = WIDE'({BITS{1'b1}} >> 1) + WIDE'(negative);
    assign clipped = WIDE'(size) > limit;
    assign kept = clipped ? BITS'(limit) : BITS'(size);
    assign feature = negative ? -kept : kept;
endmodule
