// Delay line: a row `CYCLES` cycles later.
// Needs: CYCLES >= 1.
// Cost:  shift registers without a reset, which become SRLs.
module delay_line #(
    parameter int WIDTH  = 8,
    parameter int CYCLES = 1
) (
    input  logic             clk,
    input  logic [WIDTH-1:0] in_row,
    output logic [WIDTH-1:0] out_row
);
    logic [WIDTH-1:0] rows[CYCLES];

    assign out_row = rows[CYCLES-1];

    always_ff @(posedge clk) begin
        rows[0] <= in_row;
        for (int n = 1; n < CYCLES; ++n) begin
            rows[n] <= rows[n-1];
        end
    end
endmodule
