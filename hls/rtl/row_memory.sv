// Memory of rows with two ports, one of which also writes; reads take two cycles.
// Law:   what a port reads is there two cycles after its address; a row that is written in the
//        cycle of its address may read as before, as after or as anything.
// Cost:  block RAM or UltraRAM with its output registers; a port that is not used costs nothing.
module row_memory #(
    parameter int ROWS  = 512,
    parameter int WIDTH = 32,
    localparam int ADDRESS_BITS = $clog2(ROWS)
) (
    input  logic                    clk,
    input  logic                    a_write,
    input  logic [ADDRESS_BITS-1:0] a_address,
    input  logic [       WIDTH-1:0] a_row,
    output logic [       WIDTH-1:0] a_read,
    input  logic [ADDRESS_BITS-1:0] b_address,
    output logic [       WIDTH-1:0] b_read
);
    logic [WIDTH-1:0] rows[ROWS];
    logic [WIDTH-1:0] a_latch, b_latch;

    always_ff @(posedge clk) begin
        if (a_write) begin
            rows[a_address] <= a_row;
        end else begin
            a_latch <= rows[a_address];
        end
        a_read <= a_latch;
    end

    always_ff @(posedge clk) begin
`ifdef VERILATOR
        // A row that nobody wrote shows who uses what a RAM does not promise.
        b_latch <= a_write && a_address == b_address ? ~a_row : rows[b_address];
`else
        b_latch <= rows[b_address];
`endif
        b_read <= b_latch;
    end
endmodule
