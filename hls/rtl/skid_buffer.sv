// Skid buffer: cuts all paths between the two sides of a stream, ready included, at full rate.
// Law:   rows leave in the order in which they came.
// Cost:  one cycle; two rows of registers.
module skid_buffer #(
    parameter int WIDTH = 32
) (
    input  logic             clk,
    input  logic             rst,
    input  logic [WIDTH-1:0] in_data,
    input  logic             in_valid,
    output logic             in_ready,
    input  logic             in_last,
    output logic [WIDTH-1:0] out_data,
    output logic             out_valid,
    input  logic             out_ready,
    output logic             out_last
);
    // A row that came while the one before it was not taken.
    logic [WIDTH-1:0] spare_data;
    logic             spare_last;

    always_ff @(posedge clk) begin
        if (out_ready || !out_valid) begin
            out_valid <= in_valid || !in_ready;
            {out_data, out_last} <= in_ready ? {in_data, in_last} : {spare_data, spare_last};
            in_ready <= 1'b1;
        end else if (in_valid && in_ready) begin
            {spare_data, spare_last} <= {in_data, in_last};
            in_ready <= 1'b0;
        end
        if (rst) begin
            out_valid <= 1'b0;
            in_ready  <= 1'b1;
        end
    end
endmodule
