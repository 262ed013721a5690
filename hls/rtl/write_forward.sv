// Read-modify-write of a row_memory at one per cycle: the writes that a read has missed.
// Law:   `value` is what is stored at `address` after all writes of earlier cycles.
// Needs: `stored` is what port B gives for `address`, two cycles after it was read there; `write`,
//        `write_address` and `write_data` are port A's, in every cycle.
// Cost:  two comparators and multiplexers.
module write_forward #(
    parameter int WIDTH = 32,
    parameter int ADDRESS_BITS = 10
) (
    input  logic                    clk,
    input  logic                    write,
    input  logic [ADDRESS_BITS-1:0] write_address,
    input  logic [WIDTH-1:0]        write_data,
    input  logic [ADDRESS_BITS-1:0] address,
    input  logic [WIDTH-1:0]        stored,
    output logic [WIDTH-1:0]        value
);
    typedef struct packed {
        logic                    valid;
        logic [ADDRESS_BITS-1:0] address;
        logic [WIDTH-1:0]        data;
    } write_t;
    write_t newest, older;

    always_ff @(posedge clk) begin
        newest <= {write, write_address, write_data};
        older  <= newest;
    end

    always_comb begin
        value = stored;
        if (older.valid && older.address == address) begin
            value = older.data;
        end
        if (newest.valid && newest.address == address) begin
            value = newest.data;
        end
    end
endmodule
