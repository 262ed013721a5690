// Window of a difference of slopes.
// Reference: fpga_gnn/reference/module_map.py
// Law:   low <= (a/b - c/d) * 2^FRAC <= high; a zero denominator b d is infinite with the sign of the
//        numerator a d - c b.
// Cost:  four cycles, a test per cycle; five multipliers.
module slope_test #(
    parameter int WIDTH = 19,
    parameter int BITS  = 24,
    parameter int FRAC  = 14
) (
    input  logic                    clk,
    input  logic signed [WIDTH-1:0] a,
    input  logic signed [WIDTH-1:0] b,
    input  logic signed [WIDTH-1:0] c,
    input  logic signed [WIDTH-1:0] d,
    input  logic signed [ BITS-1:0] low,
    input  logic signed [ BITS-1:0] high,
    output logic                    inside_window
);
    // verilator no_inline_module

    localparam int PRODUCT_BITS = 2 * WIDTH;

    logic signed [PRODUCT_BITS-1:0] a_d, c_b, denominator;
    logic signed [PRODUCT_BITS:0] numerator;
    logic signed [BITS-1:0] low_late, high_late;

    assign numerator = (PRODUCT_BITS + 1)'(a_d) - (PRODUCT_BITS + 1)'(c_b);

    always_ff @(posedge clk) begin
        a_d <= PRODUCT_BITS'(a) * PRODUCT_BITS'(d);
        c_b <= PRODUCT_BITS'(c) * PRODUCT_BITS'(b);
        denominator <= PRODUCT_BITS'(b) * PRODUCT_BITS'(d);
        {low_late, high_late} <= {low, high};
    end

    ratio_window #(
        .NUMERATOR_BITS  (PRODUCT_BITS + 1),
        .DENOMINATOR_BITS(PRODUCT_BITS),
        .BITS            (BITS),
        .SHIFT           (FRAC)
    ) window (
        .clk             (clk),
        .numerator       (numerator),
        .denominator     (denominator),
        .positive_at_zero(numerator >= 0),
        .low             (low_late),
        .high            (high_late),
        .inside_window   (inside_window)
    );
endmodule
