// Rows of a bitmap that hold a bit of a range of words, in order.
// Law:   for the words first_word .. last_word of a range: each row that has a bit of them set, its
//        other words cleared, with its number and the range's payload.
// Needs: a memory that gives `row` two cycles after `address`; first_word <= last_word.
// Cost:  a row of a range per cycle, kept or not.
module bitmap_rows
    import module_map_config::*;
    import module_map_types::*;
#(
    parameter int PAYLOAD_BITS = 8
) (
    input  logic                    clk,
    input  logic                    rst,
    input  word_index_t             range_first_word,
    input  word_index_t             range_last_word,
    input  logic [PAYLOAD_BITS-1:0] range_payload,
    input  logic                    range_valid,
    output logic                    range_ready,
    output bitmap_address_t         address,
    input  bitmap_row_t             row,
    output bitmap_address_t         row_number,
    output bitmap_row_t             row_bits,
    output logic [PAYLOAD_BITS-1:0] row_payload,
    output logic                    row_valid,
    input  logic                    row_ready,
    output logic                    busy
);
    bitmap_address_t first_row, last_row, offset, late_address;
    bitmap_row_t from_first, to_last, mask, late_mask, bits;
    logic [PAYLOAD_BITS-1:0] late_payload;
    logic room, issue;

    assign first_row = row_of(range_first_word);
    assign last_row = row_of(range_last_word);
    assign address = first_row + offset;
    assign issue = range_valid && room;
    assign range_ready = room && address == last_row;

    always_ff @(posedge clk) begin
        if (issue) begin
            offset <= range_ready ? '0 : offset + 1'b1;
        end
        if (rst) begin
            offset <= '0;
        end
    end

    assign from_first = address == first_row ? '1 << place_of(range_first_word) : '1;
    assign to_last = address == last_row
        ? '1 >> ROW_BITS - LANES - place_of(range_last_word) : '1;
    assign mask = from_first & to_last;

    delay_line #(
        .WIDTH (BITMAP_ADDRESS_BITS + ROW_BITS + PAYLOAD_BITS),
        .CYCLES(2)
    ) beside (
        .clk    (clk),
        .in_row ({address, mask, range_payload}),
        .out_row({late_address, late_mask, late_payload})
    );

    assign bits = row & late_mask;

    sieve_pipeline #(
        .LATENCY(2),
        .WIDTH  (BITMAP_ADDRESS_BITS + ROW_BITS + PAYLOAD_BITS)
    ) rows (
        .clk      (clk),
        .rst      (rst),
        .in_valid (range_valid),
        .in_ready (room),
        .result   ({late_address, bits, late_payload}),
        .keep     (bits != 0),
        .out_data ({row_number, row_bits, row_payload}),
        .out_valid(row_valid),
        .out_ready(row_ready),
        .busy     (busy)
    );
endmodule
