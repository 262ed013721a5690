// The candidates of a bitmap, one per cycle and in the order (src, dst).
// Reference: fpga_gnn/reference/module_map.py
// Law:   for every module that comes: the bits of the bitmap that belong to its hits and doublets.
//        With `inner_only` those of doublets that are the inner one of a triplet.
// Needs: tables of module_map_index.sv, `leaving` and bitmap of module_map_find.sv.
// Cost:  max(H, P, R, C) cycles for H hits, P pairs of a hit and a doublet with a candidate, R rows of
//        their words, C bits.
module candidate_reader
    import module_map_config::*;
    import module_map_types::*;
(
    input  logic            clk,
    input  logic            rst,
    input  logic            inner_only,
    input  module_row_t     module_data,
    input  logic            module_valid,
    output logic            module_ready,
    output hit_index_t      leaving_address,
    input  slot_mask_t      leaving,
    output doublet_index_t  doublet_address,
    input  doublet_row_t    doublet,
    output bitmap_address_t bitmap_address,
    input  bitmap_row_t     bitmap,
    output candidate_t      candidate_data,
    output logic            candidate_valid,
    input  logic            candidate_ready,
    output logic            busy
);
    // A hit with the doublets that leave it, and the first of its words.
    typedef struct packed {
        hit_index_t src;
        doublet_index_t first_doublet;
        word_index_t word;
        slot_mask_t leaving;
    } source_t;

    // The words of a hit and a doublet; `shift` is block minus word.
    typedef struct packed {
        hit_index_t src;
        block_index_t shift;
        module_index_t target;
        triplet_slot_t last_triplet, first_triplet;
    } owner_t;

    typedef struct packed {
        word_index_t last_word, first_word;
        owner_t owner;
    } words_t;

    logic sources_busy, words_busy, rows_busy;

    assign busy = sources_busy || words_busy || rows_busy;

    // The module's hits.
    module_range_t range;
    hit_index_t position, late_src;
    word_index_t word, late_word;
    doublet_index_t late_first_doublet;
    logic source_room, module_empty;
    source_t source, found_source;
    logic source_valid, source_ready;

    assign range = module_data.range;
    assign module_empty = range.first_doublet == range.last_doublet
        || range.first_hit == range.last_hit;
    assign leaving_address = range.first_hit + position;
    assign module_ready = module_empty
        || (source_room && leaving_address + 1'b1 == range.last_hit);

    always_ff @(posedge clk) begin
        if (module_valid && !module_empty && source_room) begin
            position <= module_ready ? '0 : position + 1'b1;
            word <= module_ready ? '0 : word + module_data.words.hit_words;
        end
        if (rst) begin
            position <= '0;
            word <= '0;
        end
    end

    delay_line #(
        .WIDTH (HIT_BITS + DOUBLET_BITS + WORD_BITS),
        .CYCLES(2)
    ) beside_leaving (
        .clk    (clk),
        .in_row ({leaving_address, range.first_doublet, module_data.words.word + word}),
        .out_row({late_src, late_first_doublet, late_word})
    );

    assign found_source = '{
        src: late_src,
        first_doublet: late_first_doublet,
        word: late_word,
        leaving: leaving
    };

    sieve_pipeline #(
        .LATENCY(2),
        .WIDTH  ($bits(source_t))
    ) sources (
        .clk      (clk),
        .rst      (rst),
        .in_valid (module_valid && !module_empty),
        .in_ready (source_room),
        .result   (found_source),
        .keep     (leaving != 0),
        .out_data (source),
        .out_valid(source_valid),
        .out_ready(source_ready),
        .busy     (sources_busy)
    );

    // The doublets that leave a hit.
    localparam int SLOT_INDEX_BITS = MAX_MODULE_DOUBLETS > 1 ? $clog2(MAX_MODULE_DOUBLETS) : 1;

    slot_mask_t done_slots, slots, other_slots;
    logic [SLOT_INDEX_BITS-1:0] slot;
    hit_index_t word_src;
    word_index_t source_word, first_word;
    block_index_t first_block, last_block;
    logic word_room;
    words_t words, found_words;
    logic words_valid, words_ready;

    assign slots = source.leaving & ~done_slots;
    assign source_ready = word_room && other_slots == 0;
    assign doublet_address = DOUBLET_BITS'(32'(source.first_doublet) + 32'(slot));

    lowest_bit #(
        .BITS(MAX_MODULE_DOUBLETS)
    ) next_slot (
        .bits (slots),
        .index(slot),
        .rest (other_slots)
    );

    always_ff @(posedge clk) begin
        if (source_valid && word_room) begin
            done_slots <= source_ready ? '0 : ~other_slots;
        end
        if (rst) begin
            done_slots <= '0;
        end
    end

    delay_line #(
        .WIDTH (HIT_BITS + WORD_BITS),
        .CYCLES(2)
    ) beside_doublet (
        .clk    (clk),
        .in_row ({source.src, source.word}),
        .out_row({word_src, source_word})
    );

    assign first_word = source_word + doublet.word;
    assign first_block = block_of(doublet.first_hit);
    assign last_block = block_of(doublet.last_hit - 1'b1);
    assign found_words = '{
        first_word: first_word,
        last_word: first_word + WORD_BITS'(last_block - first_block),
        owner: '{
            src: word_src,
            shift: first_block - BLOCK_BITS'(first_word),
            target: doublet.target,
            first_triplet: doublet.first_triplet,
            last_triplet: doublet.last_triplet
        }
    };

    sieve_pipeline #(
        .LATENCY(2),
        .WIDTH  ($bits(words_t))
    ) word_ranges (
        .clk      (clk),
        .rst      (rst),
        .in_valid (source_valid),
        .in_ready (word_room),
        .result   (found_words),
        .keep     (!inner_only || doublet.first_triplet != doublet.last_triplet),
        .out_data (words),
        .out_valid(words_valid),
        .out_ready(words_ready),
        .busy     (words_busy)
    );

    // Their rows, bit by bit.
    localparam int PLACE_BITS = $clog2(ROW_BITS);

    bitmap_address_t row_number;
    bitmap_row_t row, done_bits, other_bits;
    owner_t owner;
    logic row_valid, row_ready;
    logic [PLACE_BITS-1:0] place;
    block_index_t block;
    lane_index_t lane;
    word_index_t bit_word;

    bitmap_rows #(
        .PAYLOAD_BITS($bits(owner_t))
    ) rows (
        .clk             (clk),
        .rst             (rst),
        .range_first_word(words.first_word),
        .range_last_word (words.last_word),
        .range_payload   (words.owner),
        .range_valid     (words_valid),
        .range_ready     (words_ready),
        .address         (bitmap_address),
        .row             (bitmap),
        .row_number      (row_number),
        .row_bits        (row),
        .row_payload     (owner),
        .row_valid       (row_valid),
        .row_ready       (row_ready),
        .busy            (rows_busy)
    );

    lowest_bit #(
        .BITS(ROW_BITS)
    ) next_bit (
        .bits (row & ~done_bits),
        .index(place),
        .rest (other_bits)
    );

    assign candidate_valid = row_valid;
    assign row_ready = candidate_ready && other_bits == 0;

    always_ff @(posedge clk) begin
        if (row_valid && candidate_ready) begin
            done_bits <= row_ready ? '0 : ~other_bits;
        end
        if (rst) begin
            done_bits <= '0;
        end
    end

    assign lane = LANE_BITS'(place) & LANE_BITS'(LANES - 1);
    assign bit_word = WORD_BITS'({row_number, place} >> $clog2(LANES));
    assign block = BLOCK_BITS'(bit_word) + owner.shift;
    assign candidate_data = '{
        src: owner.src,
        dst: HIT_BITS'(block) * HIT_BITS'(LANES) + HIT_BITS'(lane),
        word: bit_word,
        lane: lane,
        target: owner.target,
        first_triplet: owner.first_triplet,
        last_triplet: owner.last_triplet
    };
endmodule
