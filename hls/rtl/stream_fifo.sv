// Stream FIFO, first word falls through: rows wait between two sides of a stream, at full rate.
// Law:   rows leave in the order in which they came; `fill` of them are inside, DEPTH + 1 at most.
// Needs: DEPTH >= 2.
// Cost:  two cycles from side to side; a memory of DEPTH rows with a registered read, which is the
//        row offered.
module stream_fifo #(
    parameter int WIDTH = 32,
    parameter int DEPTH = 16,
    localparam int COUNT_BITS = $clog2(DEPTH + 2)
) (
    input  logic                  clk,
    input  logic                  rst,
    input  logic [WIDTH-1:0]      in_data,
    input  logic                  in_valid,
    output logic                  in_ready,
    input  logic                  in_last,
    output logic [WIDTH-1:0]      out_data,
    output logic                  out_valid,
    input  logic                  out_ready,
    output logic                  out_last,
    output logic [COUNT_BITS-1:0] fill
);
    localparam int ADDRESS_BITS = $clog2(DEPTH);
    localparam logic [ADDRESS_BITS-1:0] LAST_ADDRESS = ADDRESS_BITS'(DEPTH - 1);

    logic [WIDTH:0] memory[DEPTH];
    logic [ADDRESS_BITS-1:0] head, tail;
    logic [COUNT_BITS-1:0] stored;  // rows in the memory, without the one that is offered
    logic write, read;

    assign in_ready = stored != COUNT_BITS'(DEPTH);
    assign write = in_valid && in_ready;
    assign read = stored != 0 && (out_ready || !out_valid);
    assign fill = stored + COUNT_BITS'(out_valid);

    always_ff @(posedge clk) begin
        if (write) begin
            memory[tail] <= {in_data, in_last};
        end
        if (read) begin
            {out_data, out_last} <= memory[head];
        end
    end

    always_ff @(posedge clk) begin
        if (write) begin
            tail <= tail == LAST_ADDRESS ? '0 : tail + 1'b1;
        end
        if (read) begin
            head <= head == LAST_ADDRESS ? '0 : head + 1'b1;
        end
        if (out_ready || !out_valid) begin
            out_valid <= read;
        end
        stored <= stored + COUNT_BITS'(write) - COUNT_BITS'(read);
        if (rst) begin
            head      <= '0;
            tail      <= '0;
            stored    <= '0;
            out_valid <= 1'b0;
        end
    end
endmodule
