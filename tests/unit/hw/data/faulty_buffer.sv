// A row of registers between two streams, with a fault of choice; 0 is none.
module faulty_buffer #(
    parameter int WIDTH = 70
) (
    input  logic             clk,
    input  logic             rst,
    input  logic [3:0]       fault,
    input  logic [WIDTH-1:0] in_data,
    input  logic             in_valid,
    output logic             in_ready,
    input  logic             in_last,
    output logic [WIDTH-1:0] out_data,
    output logic             out_valid,
    input  logic             out_ready,
    output logic             out_last,
    output logic [15:0]      n_rows
);
    logic full, waiting, last, again;
    logic [WIDTH-1:0] data, untouched;

    assign waiting = full && !out_ready;
    assign in_ready = fault == 1 || (!waiting && (fault != 2 || n_rows < 10));
    assign out_valid = full && (fault != 5 || out_ready);
    assign out_data = fault == 8 ? data ^ untouched : data;
    assign out_last = last && fault != 7;

    always_ff @(posedge clk) begin
        if (!waiting) begin
            full <= (in_valid && in_ready) || (fault == 6 && again);
            {data, last} <= {in_data, in_last};
            again <= in_last;
            n_rows <= n_rows + 16'(in_valid && in_ready);
        end else begin
            data[WIDTH-1] <= data[WIDTH-1] ^ (fault == 3);
            last <= last ^ (fault == 4);
            full <= fault != 9;
        end
        if (rst) begin
            full   <= 1'b0;
            again  <= 1'b0;
            n_rows <= '0;
        end
        if (fault == 15) untouched <= data;
        assert (fault != 10 || rst || n_rows != 5);
        if (fault == 11 && n_rows == 5) $finish;
    end
endmodule
