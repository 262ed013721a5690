// The lowest bit that is set: where it is, and the bits without it.
// Needs: a bit that is set.
// Cost:  combinational.
module lowest_bit #(
    parameter int BITS = 16,
    localparam int INDEX_BITS = BITS > 1 ? $clog2(BITS) : 1
) (
    input  logic [      BITS-1:0] bits,
    output logic [INDEX_BITS-1:0] index,
    output logic [      BITS-1:0] rest
);
    always_comb begin
        index = '0;
        for (int n = BITS - 1; n >= 0; --n) begin
            if (bits[n]) begin
                index = INDEX_BITS'(n);
            end
        end
        rest = bits & (bits - 1'b1);
    end
endmodule
