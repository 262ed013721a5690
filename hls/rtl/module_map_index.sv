// First phase of the module map: hits and starts into the chip, one row per module and doublet.
// Reference: fpga_gnn/reference/module_map.py
// Law:   takes n_hits hit records, n_modules + 1 pairs {doublet_start, module_start} and, per doublet,
//        {last triplet, target}. `word` numbers the blocks of LANES hits, aligned, that hold hits of
//        a doublet's target, for every hit and every doublet of its module.
// Needs: starts that ascend, indices of existing rows; the rest of the packets is left.
// Cost:  max(N, M + 1) + D + 6 M cycles for N hits, M modules, D doublets.
module module_map_index
    import module_map_config::*;
    import module_map_types::*;
(
    input  logic                          clk,
    input  logic                          rst,
    input  logic                          start,
    output logic                          done,
    input  hit_index_t                    n_hits,
    input  module_index_t                 n_modules,
    input  logic          [        191:0] hits_data,
    input  logic                          hits_valid,
    output logic                          hits_ready,
    input  logic          [         63:0] starts_data,
    input  logic                          starts_valid,
    output logic                          starts_ready,
    input  logic          [         63:0] links_data,
    input  logic                          links_valid,
    output logic                          links_ready,
    output logic                          hit_write,
    output hit_index_t                    hit_address,
    output hit_t                          hit,
    output logic                          range_write,
    output module_index_t                 range_address,
    output module_range_t                 range,
    output logic                          walk_start,
    input  module_range_t                 module_data,
    input  logic                          module_valid,
    output logic                          module_ready,
    output module_index_t                 target_address,
    input  hit_index_t                    target_first_hit,
    input  hit_index_t                    target_last_hit,
    output logic                          doublet_write,
    output doublet_index_t                doublet_address,
    output doublet_row_t                  doublet,
    output logic                          words_write,
    output module_index_t                 words_address,
    output module_words_t                 words,
    output logic          [         31:0] most_doublets,
    output logic          [         31:0] most_triplets,
    output logic [BLOCK_COUNT_BITS-1:0]   n_blocks
);
    typedef enum logic [2:0] {IDLE, LOAD, OPEN, LINK, SETTLE, CLOSE, COUNT} state_t;

    state_t state;
    logic settled;

    // Load.
    logic [HIT_BITS-1:0] n_loaded;
    logic [MODULE_BITS:0] n_starts;
    hit_index_t first_hit;
    doublet_index_t first_doublet;

    assign hits_ready = state == LOAD && n_loaded != n_hits;
    assign hit_write = hits_valid && hits_ready;
    assign hit_address = n_loaded;
    assign hit = hit_of(hits_data);

    assign starts_ready = state == LOAD && n_starts <= {1'b0, n_modules};
    assign range_write = starts_valid && starts_ready && n_starts != 0;
    assign range_address = MODULE_BITS'(n_starts - 1'b1);
    assign range = '{
        first_hit: first_hit,
        last_hit: HIT_BITS'(starts_data[31:0]),
        first_doublet: first_doublet,
        last_doublet: DOUBLET_BITS'(starts_data[63:32])
    };
    assign walk_start = state == LOAD && !hits_ready && !starts_ready;

    // Index.
    module_range_t open;
    module_index_t n_closed;
    doublet_index_t next_doublet, late_doublet;
    logic [31:0] last_triplet, first_triplet, late_first, late_last;
    module_index_t late_target;
    logic [1:0] linking;
    logic link;
    logic [HIT_WORDS_BITS-1:0] hit_words;
    logic [BLOCK_COUNT_BITS-1:0] module_blocks;
    logic [31:0] n_doublets, n_triplets;

    assign module_ready = state == OPEN;
    assign links_ready = state == LINK && next_doublet != open.last_doublet;
    assign link = links_valid && links_ready;
    assign target_address = MODULE_BITS'(links_data[31:0]);
    assign settled = linking == 0;

    delay_line #(
        .WIDTH (DOUBLET_BITS + MODULE_BITS + 64),
        .CYCLES(2)
    ) beside (
        .clk    (clk),
        .in_row ({next_doublet, target_address, last_triplet, links_data[63:32]}),
        .out_row({late_doublet, late_target, late_first, late_last})
    );

    assign doublet_write = linking[1];
    assign doublet_address = late_doublet;
    assign doublet = '{
        target: late_target,
        first_hit: target_first_hit,
        last_hit: target_last_hit,
        word: WORD_BITS'(hit_words),
        first_triplet: TRIPLET_BITS'(late_first - first_triplet),
        last_triplet: TRIPLET_BITS'(late_last - first_triplet)
    };
    assign n_doublets = 32'(open.last_doublet) - 32'(open.first_doublet);
    assign n_triplets = last_triplet - first_triplet;
    assign words_write = state == CLOSE;
    assign words_address = n_closed;
    assign words = '{
        n_triplets: TRIPLET_BITS'(n_triplets),
        word: WORD_BITS'(n_blocks),
        hit_words: WORD_BITS'(hit_words)
    };

    function automatic block_index_t blocks_of(input hit_index_t first, input hit_index_t last);
        return first == last ? '0 : block_of(last - 1'b1) - block_of(first) + 1'b1;
    endfunction

    always_ff @(posedge clk) begin
        done <= 1'b0;
        linking <= {linking[0], link};
        if (link) begin
            next_doublet <= next_doublet + 1'b1;
            last_triplet <= links_data[63:32];
        end
        if (doublet_write) begin
            hit_words <= hit_words + HIT_WORDS_BITS'(blocks_of(target_first_hit, target_last_hit));
        end
        unique case (state)
            IDLE:
            if (start) begin
                state <= LOAD;
                n_loaded <= '0;
                n_starts <= '0;
                n_closed <= '0;
                next_doublet <= '0;
                last_triplet <= '0;
                most_doublets <= '0;
                most_triplets <= '0;
                n_blocks <= '0;
            end
            LOAD: begin
                if (hit_write) begin
                    n_loaded <= n_loaded + 1'b1;
                end
                if (starts_valid && starts_ready) begin
                    n_starts <= n_starts + 1'b1;
                    first_hit <= range.last_hit;
                    first_doublet <= range.last_doublet;
                end
                if (walk_start) begin
                    state <= OPEN;
                end
            end
            OPEN:
            if (n_closed == n_modules) begin
                state <= IDLE;
                done <= 1'b1;
            end else if (module_valid) begin
                state <= LINK;
                open <= module_data;
                hit_words <= '0;
                first_triplet <= last_triplet;
            end
            LINK:
            if (!links_ready) begin
                state <= SETTLE;
            end
            SETTLE:
            if (settled) begin
                state <= CLOSE;
            end
            CLOSE: begin
                state <= COUNT;
                n_closed <= n_closed + 1'b1;
                module_blocks <= BLOCK_COUNT_BITS'(open.last_hit - open.first_hit)
                    * BLOCK_COUNT_BITS'(hit_words);
                if (n_doublets > most_doublets) begin
                    most_doublets <= n_doublets;
                end
                if (n_triplets > most_triplets) begin
                    most_triplets <= n_triplets;
                end
            end
            COUNT: begin
                state <= OPEN;
                n_blocks <= n_blocks + module_blocks;
            end
            default: state <= IDLE;
        endcase
        if (rst) begin
            state <= IDLE;
            linking <= '0;
        end
    end
endmodule
