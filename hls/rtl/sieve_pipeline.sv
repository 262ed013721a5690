// Rows through logic of fixed latency that keeps some of them: a FIFO behind it, and a row enters
// only if a place is free.
// Law:   the row that is taken in cycle t has its result at `result` in cycle t + LATENCY, and leaves
//        if `keep` is set there; results leave in the order of the rows.
// Needs: logic that takes a row per cycle and needs no enable. DEPTH >= 4 holds the rows between a
//        row's entry and its leaving: full rate takes LATENCY + 4.
// Cost:  LATENCY + 2 cycles from side to side. `busy` is set while a row is inside.
module sieve_pipeline #(
    parameter int LATENCY = 1,
    parameter int WIDTH   = 8,
    parameter int DEPTH   = LATENCY + 4
) (
    input  logic             clk,
    input  logic             rst,
    input  logic             in_valid,
    output logic             in_ready,
    input  logic [WIDTH-1:0] result,
    input  logic             keep,
    output logic [WIDTH-1:0] out_data,
    output logic             out_valid,
    input  logic             out_ready,
    output logic             busy
);
    localparam int COUNT_BITS = $clog2(DEPTH + 1);

    logic [COUNT_BITS-1:0] places;
    logic [LATENCY-1:0] on_the_way;
    logic enter, leave, drop;

    assign in_ready = places != 0;
    assign busy = places != COUNT_BITS'(DEPTH);
    assign enter = in_valid && in_ready;
    assign leave = out_valid && out_ready;
    assign drop = on_the_way[LATENCY-1] && !keep;

    always_ff @(posedge clk) begin
        places <= places + COUNT_BITS'(leave) + COUNT_BITS'(drop) - COUNT_BITS'(enter);
        on_the_way <= LATENCY'({on_the_way, enter});
        if (rst) begin
            places <= COUNT_BITS'(DEPTH);
            on_the_way <= '0;
        end
    end

    stream_fifo #(
        .WIDTH(WIDTH),
        .DEPTH(DEPTH)
    ) landing (
        .clk      (clk),
        .rst      (rst),
        .in_data  (result),
        .in_valid (on_the_way[LATENCY-1] && keep),
        .in_ready (),
        .in_last  (1'b0),
        .out_data (out_data),
        .out_valid(out_valid),
        .out_ready(out_ready),
        .out_last (),
        .fill     ()
    );
endmodule
