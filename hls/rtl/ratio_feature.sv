// A feature that is a ratio.
// Reference: fpga_gnn/graphs/graph.py
// Law:   numerator * 2^FRAC / denominator / 2^SHIFT, rounded half to even, then saturated to BITS
//        (feature_clip.sv); x/0 saturates with the sign of x, 0/0 is 0.
// Cost:  BITS + 2 cycles, a ratio per cycle: as the result saturates, BITS steps of a long division
//        are enough.
module ratio_feature #(
    parameter int NUMERATOR_BITS   = 16,
    parameter int DENOMINATOR_BITS = 16,
    parameter int FRAC             = 0,
    parameter int SHIFT            = 0,
    parameter int BITS             = 12
) (
    input  logic                               clk,
    input  logic signed [  NUMERATOR_BITS-1:0] numerator,
    input  logic signed [DENOMINATOR_BITS-1:0] denominator,
    output logic signed [            BITS-1:0] feature,
    output logic                               clipped
);
    localparam int LEFT = FRAC > SHIFT ? FRAC - SHIFT : 0;
    localparam int RIGHT = SHIFT > FRAC ? SHIFT - FRAC : 0;
    localparam int DIVIDEND_BITS = NUMERATOR_BITS + LEFT;
    localparam int DIVISOR_BITS = DENOMINATOR_BITS + RIGHT;
    // Also of the divisor, shifted to the highest bit of the quotient and one further.
    localparam int WIDE = (DIVIDEND_BITS > DIVISOR_BITS ? DIVIDEND_BITS : DIVISOR_BITS) + BITS + 1;

    // Stage 0 is the division's input, stage n has n bits of the quotient.
    logic [WIDE-1:0] rest[BITS+1];
    logic [DIVISOR_BITS-1:0] divisor[BITS+1];
    logic [BITS-1:0] quotient[BITS+1];
    logic [BITS:0] negative, infinite;
    logic [NUMERATOR_BITS-1:0] numerator_size;
    logic [DENOMINATOR_BITS-1:0] denominator_size;
    logic [WIDE-1:0] twice;
    logic [BITS:0] rounded;
    logic signed [BITS-1:0] clipped_feature;
    logic is_clipped;

    assign numerator_size = numerator < 0 ? -numerator : numerator;
    assign denominator_size = denominator < 0 ? -denominator : denominator;

    always_ff @(posedge clk) begin
        negative[0] <= (numerator < 0) != (denominator < 0);
        infinite[0] <= denominator == 0 ? numerator != 0
            : WIDE'(numerator_size) << LEFT >= WIDE'(denominator_size) << RIGHT + BITS;
        rest[0] <= WIDE'(numerator_size) << LEFT;
        divisor[0] <= denominator == 0 ? DIVISOR_BITS'(1) : DIVISOR_BITS'(denominator_size) << RIGHT;
    end

    assign quotient[0] = '0;

    for (genvar n = 0; n < BITS; ++n) begin : step
        logic [WIDE-1:0] part;

        assign part = WIDE'(divisor[n]) << BITS - 1 - n;

        always_ff @(posedge clk) begin
            rest[n+1] <= rest[n] >= part ? rest[n] - part : rest[n];
            quotient[n+1] <= BITS'({quotient[n], rest[n] >= part});
            divisor[n+1] <= divisor[n];
            negative[n+1] <= negative[n];
            infinite[n+1] <= infinite[n];
        end
    end

    assign twice = rest[BITS] << 1;
    assign rounded = infinite[BITS] ? '1 : (BITS + 1)'(quotient[BITS]) + (BITS + 1)'(
        twice > WIDE'(divisor[BITS]) || (twice == WIDE'(divisor[BITS]) && quotient[BITS][0]));

    feature_clip #(
        .SIZE_BITS(BITS + 1),
        .BITS     (BITS)
    ) clip (
        .negative(negative[BITS]),
        .size    (rounded),
        .feature (clipped_feature),
        .clipped (is_clipped)
    );

    always_ff @(posedge clk) begin
        {feature, clipped} <= {clipped_feature, is_clipped};
    end
endmodule
