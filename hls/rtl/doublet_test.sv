// Doublet windows: what a pair of hits must pass.
// Reference: fpga_gnn/reference/module_map.py
// Law:   dr = r2-r1, dz = z2-z1, dphi = wrap(phi2-phi1), deta = eta1-eta2, z0 = (z1*dr - r1*dz)/dr
//        and phi_slope = dphi/dr lie in the windows (dr = 0: the ratios are infinite with the sign of
//        dz and dphi).
// Cost:  five cycles, a pair per cycle; six multipliers.
module doublet_test
    import formats::*;
    import module_map_types::*;
(
    input  logic             clk,
    input  cylinder_t        one,
    input  cylinder_t        two,
    input  doublet_windows_t windows,
    output logic             passes
);
    // verilator no_inline_module

    localparam int DIFFERENCE_BITS = LENGTH_BITS + 1;
    localparam int PRODUCT_BITS = 2 * LENGTH_BITS + 1;

    logic signed [DIFFERENCE_BITS-1:0] dr, dz, dr_late;
    logic signed [PHI_BITS-1:0] dphi, dphi_late;
    logic signed [ETA_BITS:0] deta;
    logic signed [LENGTH_BITS-1:0] r, z;
    logic signed [PRODUCT_BITS-1:0] z_dr, r_dz;
    logic signed [PRODUCT_BITS:0] z0;
    logic rises, deta_inside, dphi_inside, values_inside, z0_inside, phi_slope_inside;
    doublet_windows_t windows_1;
    logic signed [Z0_BITS-1:0] z0_low, z0_high;
    logic signed [PHI_SLOPE_BITS-1:0] phi_slope_low, phi_slope_high;
    logic [2:0] values_late;

    assign z0 = (PRODUCT_BITS + 1)'(z_dr) - (PRODUCT_BITS + 1)'(r_dz);
    assign passes = z0_inside && phi_slope_inside && values_late[2];

    always_ff @(posedge clk) begin
        dr <= DIFFERENCE_BITS'(two.r) - DIFFERENCE_BITS'(one.r);
        dz <= DIFFERENCE_BITS'(two.z) - DIFFERENCE_BITS'(one.z);
        dphi <= two.phi - one.phi;  // a binary angle: dropping the carry wraps it
        deta <= (ETA_BITS + 1)'(one.eta) - (ETA_BITS + 1)'(two.eta);
        {r, z} <= {one.r, one.z};
        windows_1 <= windows;

        z_dr <= PRODUCT_BITS'(z) * PRODUCT_BITS'(dr);
        r_dz <= PRODUCT_BITS'(r) * PRODUCT_BITS'(dz);
        rises <= dz >= 0;
        dr_late <= dr;
        dphi_late <= dphi;
        {z0_low, z0_high} <= {windows_1.z0_low, windows_1.z0_high};
        {phi_slope_low, phi_slope_high} <= {windows_1.phi_slope_low, windows_1.phi_slope_high};
        values_inside <= deta_inside && dphi_inside;

        values_late <= {values_late[1:0], values_inside};
    end

    value_window #(
        .VALUE_BITS(ETA_BITS + 1),
        .BITS      (DETA_BITS)
    ) deta_window (
        .value        (deta),
        .low          (windows_1.deta_low),
        .high         (windows_1.deta_high),
        .inside_window(deta_inside)
    );

    value_window #(
        .VALUE_BITS(PHI_BITS),
        .BITS      (DPHI_BITS)
    ) dphi_window (
        .value        (dphi),
        .low          (windows_1.dphi_low),
        .high         (windows_1.dphi_high),
        .inside_window(dphi_inside)
    );

    ratio_window #(
        .NUMERATOR_BITS  (PRODUCT_BITS + 1),
        .DENOMINATOR_BITS(DIFFERENCE_BITS),
        .BITS            (Z0_BITS)
    ) z0_window (
        .clk             (clk),
        .numerator       (z0),
        .denominator     (dr_late),
        .positive_at_zero(rises),
        .low             (z0_low),
        .high            (z0_high),
        .inside_window   (z0_inside)
    );

    ratio_window #(
        .NUMERATOR_BITS  (PHI_BITS),
        .DENOMINATOR_BITS(DIFFERENCE_BITS),
        .BITS            (PHI_SLOPE_BITS),
        .SHIFT           (PHI_SLOPE_FRAC)
    ) phi_slope_window (
        .clk             (clk),
        .numerator       (dphi_late),
        .denominator     (dr_late),
        .positive_at_zero(dphi_late >= 0),
        .low             (phi_slope_low),
        .high            (phi_slope_high),
        .inside_window   (phi_slope_inside)
    );
endmodule
