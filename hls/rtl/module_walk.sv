// Rows of the event's modules as a stream.
// Law:   after `start` the rows of modules 0 .. n_modules-1.
// Needs: a memory that gives `row` two cycles after `address`; n_modules that stays while rows are
//        taken; all of them taken before the next start.
// Cost:  a module per cycle.
module module_walk
    import module_map_types::*;
(
    input  logic          clk,
    input  logic          rst,
    input  logic          start,
    input  module_index_t n_modules,
    output module_index_t address,
    input  module_row_t   row,
    output module_row_t   module_data,
    output logic          module_valid,
    input  logic          module_ready,
    output logic          busy
);
    logic room, walking, rows_busy;

    assign busy = walking || rows_busy;

    always_ff @(posedge clk) begin
        if (start) begin
            address <= '0;
            walking <= n_modules != 0;
        end else if (walking && room) begin
            address <= address + 1'b1;
            walking <= address + 1'b1 != n_modules;
        end
        if (rst) begin
            walking <= 1'b0;
        end
    end

    sieve_pipeline #(
        .LATENCY(2),
        .WIDTH  ($bits(module_row_t))
    ) rows (
        .clk      (clk),
        .rst      (rst),
        .in_valid (walking),
        .in_ready (room),
        .result   (row),
        .keep     (1'b1),
        .out_data (module_data),
        .out_valid(module_valid),
        .out_ready(module_ready),
        .busy     (rows_busy)
    );
endmodule
