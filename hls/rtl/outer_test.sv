// Outer windows: what makes a triple of a pair that passed the inner windows and a third hit.
// Reference: fpga_gnn/reference/module_map.py
// Law:   the second pair lies in its doublet windows (doublet_test.sv);
//        dydx = SIGN (y2-y1)/(x1-x2) - (y2-y3)/(x2-x3) and dzdr = (z2-z1)/(r2-r1) - (z3-z2)/(r3-r2)
//        lie in theirs (slope_test.sv). SIGN is 1, or -1 if `physical`.
// Cost:  five cycles, a triple per cycle; 16 multipliers.
module outer_test
    import formats::*;
    import module_map_types::*;
(
    input  logic           clk,
    input  logic           physical,
    input  hit_t           one,
    input  hit_t           two,
    input  hit_t           three,
    input  outer_windows_t windows,
    output logic           passes
);
    // verilator no_inline_module

    localparam int WIDTH = LENGTH_BITS + 1;

    logic signed [WIDTH-1:0] y21, x12, y23, x23, z21, r21, z32, r32;
    logic signed [DYDX_BITS-1:0] dydx_low, dydx_high;
    logic signed [DZDR_BITS-1:0] dzdr_low, dzdr_high;
    logic pair_passes, dydx_inside, dzdr_inside;

    assign passes = pair_passes && dydx_inside && dzdr_inside;

    always_ff @(posedge clk) begin
        y21 <= WIDTH'(two.y) - WIDTH'(one.y);
        x12 <= physical ? WIDTH'(two.x) - WIDTH'(one.x) : WIDTH'(one.x) - WIDTH'(two.x);
        y23 <= WIDTH'(two.y) - WIDTH'(three.y);
        x23 <= WIDTH'(two.x) - WIDTH'(three.x);
        z21 <= WIDTH'(two.at.z) - WIDTH'(one.at.z);
        r21 <= WIDTH'(two.at.r) - WIDTH'(one.at.r);
        z32 <= WIDTH'(three.at.z) - WIDTH'(two.at.z);
        r32 <= WIDTH'(three.at.r) - WIDTH'(two.at.r);
        {dydx_low, dydx_high} <= {windows.dydx_low, windows.dydx_high};
        {dzdr_low, dzdr_high} <= {windows.dzdr_low, windows.dzdr_high};
    end

    doublet_test pair (
        .clk    (clk),
        .one    (two.at),
        .two    (three.at),
        .windows(windows.pair),
        .passes (pair_passes)
    );

    slope_test #(
        .WIDTH(WIDTH),
        .BITS (DYDX_BITS),
        .FRAC (DYDX_FRAC)
    ) dydx (
        .clk          (clk),
        .a            (y21),
        .b            (x12),
        .c            (y23),
        .d            (x23),
        .low          (dydx_low),
        .high         (dydx_high),
        .inside_window(dydx_inside)
    );

    slope_test #(
        .WIDTH(WIDTH),
        .BITS (DZDR_BITS),
        .FRAC (DZDR_FRAC)
    ) dzdr (
        .clk          (clk),
        .a            (z21),
        .b            (r21),
        .c            (z32),
        .d            (r32),
        .low          (dzdr_low),
        .high         (dzdr_high),
        .inside_window(dzdr_inside)
    );
endmodule
