// Rows through logic of fixed latency: a FIFO behind it, and a row enters only if a place is free.
// Law:   the row that is taken in cycle t has its result at `result` in cycle t + LATENCY, when
//        `result_valid` says so; results leave in the order of the rows.
// Needs: logic that takes a row per cycle and needs no enable. DEPTH >= 4 holds the rows between a
//        row's entry and its leaving: full rate takes LATENCY + 4.
// Cost:  LATENCY + 2 cycles from side to side. No enable reaches the logic, so nothing fans out.
module credit_pipeline #(
    parameter int LATENCY = 1,
    parameter int WIDTH   = 8,
    parameter int DEPTH   = 16
) (
    input  logic             clk,
    input  logic             rst,
    input  logic             in_valid,
    output logic             in_ready,
    input  logic             in_last,
    input  logic [WIDTH-1:0] result,
    output logic             result_valid,
    output logic             result_last,
    output logic [WIDTH-1:0] out_data,
    output logic             out_valid,
    input  logic             out_ready,
    output logic             out_last
);
    localparam int COUNT_BITS = $clog2(DEPTH + 1);

    logic [COUNT_BITS-1:0] places;
    logic [LATENCY-1:0] on_the_way;
    logic enter, leave, landed;

    assign in_ready = places != 0;
    assign enter = in_valid && in_ready;
    assign leave = out_valid && out_ready;
    assign result_valid = on_the_way[LATENCY-1];

    always_ff @(posedge clk) begin
        places <= places + COUNT_BITS'(leave) - COUNT_BITS'(enter);
        on_the_way <= LATENCY'({on_the_way, enter});
        if (rst) begin
            places <= COUNT_BITS'(DEPTH);
            on_the_way <= '0;
        end
    end

    delay_line #(
        .WIDTH (1),
        .CYCLES(LATENCY)
    ) last_of_packet (
        .clk    (clk),
        .in_row (in_last),
        .out_row(result_last)
    );

    stream_fifo #(
        .WIDTH(WIDTH),
        .DEPTH(DEPTH)
    ) landing (
        .clk      (clk),
        .rst      (rst),
        .in_data  (result),
        .in_valid (result_valid),
        .in_ready (landed),
        .in_last  (result_last),
        .out_data (out_data),
        .out_valid(out_valid),
        .out_ready(out_ready),
        .out_last (out_last),
        .fill     ()
    );

    always_ff @(posedge clk) begin
        assert (rst || !result_valid || landed);
    end
endmodule
