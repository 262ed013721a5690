// Join the messages of every node's edges in a memory of one row per node.
// Reference: fpga_gnn/reference/aggregate.py (one of its two halves)
// Law:   `add` joins `message` to the row of `node`, column by column: their sum, or the largest of
//        them and zero (MAXIMUM). `take` gives the row at `taken` three cycles later and clears it.
// Needs: at most one of `add` and `take`; SUM_BITS that hold any joined messages; every row taken
//        once before it counts, as the memory starts with anything.
// Cost:  an operation per cycle, whatever the nodes: results of the last three operations wait in
//        registers, where reads look first. A memory of MAX_NODES rows.
module node_sums #(
    parameter int MAX_NODES      = 512,
    parameter int COLUMNS        = 8,
    parameter int MESSAGE_BITS   = 8,
    parameter bit MESSAGE_SIGNED = 1,
    parameter int SUM_BITS       = 18,
    parameter bit MAXIMUM        = 0,
    localparam int NODE_BITS = $clog2(MAX_NODES)
) (
    input  logic                            clk,
    input  logic                            rst,
    input  logic                            add,
    input  logic                            take,
    input  logic [           NODE_BITS-1:0] node,
    input  logic [COLUMNS*MESSAGE_BITS-1:0] message,
    output logic [    COLUMNS*SUM_BITS-1:0] taken
);
    localparam int FORWARDED = 3;  // two cycles of the memory and the one that joins

    // Two operations on their way through the memory, then those whose results it does not show yet.
    logic reading, reading_take, joining, joining_take;
    logic [NODE_BITS-1:0] reading_node, joining_node;
    logic [COLUMNS*MESSAGE_BITS-1:0] reading_message, joining_message;
    logic [FORWARDED-1:0] waiting, same_node;
    logic [NODE_BITS-1:0] waiting_node[FORWARDED];
    logic [COLUMNS*SUM_BITS-1:0] waiting_row[FORWARDED];
    logic [COLUMNS*SUM_BITS-1:0] stored, current, joined;

    row_memory #(
        .ROWS (MAX_NODES),
        .WIDTH(COLUMNS * SUM_BITS)
    ) sums (
        .clk      (clk),
        .a_write  (waiting[0]),
        .a_address(waiting_node[0]),
        .a_row    (waiting_row[0]),
        .a_read   (),
        .b_address(node),
        .b_read   (stored)
    );

    always_comb begin
        current = stored;
        for (int n = FORWARDED - 1; n >= 0; --n) begin
            if (same_node[n]) begin
                current = waiting_row[n];
            end
        end
    end

    for (genvar c = 0; c < COLUMNS; ++c) begin : column
        logic [MESSAGE_BITS-1:0] term;
        logic [SUM_BITS-1:0] sum, wide;

        assign term = joining_message[c*MESSAGE_BITS+:MESSAGE_BITS];
        assign sum = current[c*SUM_BITS+:SUM_BITS];
        assign wide = {{SUM_BITS - MESSAGE_BITS{MESSAGE_SIGNED && term[MESSAGE_BITS-1]}}, term};
        if (MAXIMUM) begin : largest
            // The largest so far is not negative.
            assign joined[c*SUM_BITS+:SUM_BITS] =
                !(MESSAGE_SIGNED && term[MESSAGE_BITS-1]) && wide > sum ? wide : sum;
        end else begin : total
            assign joined[c*SUM_BITS+:SUM_BITS] = sum + wide;
        end
    end

    always_ff @(posedge clk) begin
        reading <= add || take;
        joining <= reading;
        waiting <= FORWARDED'({waiting, joining});
        if (rst) begin
            reading <= 1'b0;
            joining <= 1'b0;
            waiting <= '0;
        end
    end

    always_ff @(posedge clk) begin
        reading_take    <= take;
        reading_node    <= node;
        reading_message <= message;
        joining_take    <= reading_take;
        joining_node    <= reading_node;
        joining_message <= reading_message;
        same_node[0]    <= joining && joining_node == reading_node;
        for (int n = 1; n < FORWARDED; ++n) begin
            same_node[n]    <= waiting[n-1] && waiting_node[n-1] == reading_node;
            waiting_node[n] <= waiting_node[n-1];
            waiting_row[n]  <= waiting_row[n-1];
        end
        waiting_node[0] <= joining_node;
        waiting_row[0]  <= joining_take ? '0 : joined;
        taken           <= current;
    end
endmodule
