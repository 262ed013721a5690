// Widths, records and table rows of the module map.
// Records are those of hls/include/fpga_gnn/module_map_records.hpp; a struct lists the highest bits
// first.
package module_map_types;
    import formats::*;
    import module_map_config::*;

    // Bits of 0 .. the capacity.
    localparam int HIT_BITS     = $clog2(MAX_HITS + 1);
    localparam int MODULE_BITS  = $clog2(MAX_MODULES + 1);
    localparam int DOUBLET_BITS = $clog2(MAX_DOUBLETS + 1);
    localparam int SLOT_BITS    = $clog2(MAX_MODULE_DOUBLETS + 1);
    localparam int TRIPLET_BITS = $clog2(MAX_MODULE_TRIPLETS + 1);
    localparam int WORD_BITS    = $clog2(MAX_BLOCKS + 1);
    localparam int EDGE_BITS    = $clog2(MAX_EDGES + 1);

    // Hits lie in blocks of LANES, pairs of a hit and a block are words of LANES bits in a bitmap.
    localparam int HIT_BLOCKS  = (MAX_HITS + LANES - 1) / LANES;
    localparam int BLOCK_BITS  = $clog2(HIT_BLOCKS + 1);
    localparam int LANE_BITS   = $clog2(LANES + 1);
    localparam int ROW_BITS    = 64;
    localparam int ROW_WORDS   = ROW_BITS / LANES;
    localparam int BITMAP_FILLED = (MAX_BLOCKS + ROW_WORDS - 1) / ROW_WORDS;

    // Triplets that a candidate is tested against per cycle.
    localparam int TRIPLET_LANES = LANES < 8 ? LANES : 8;
    localparam int TRIPLET_BLOCKS = (MAX_MODULE_TRIPLETS + TRIPLET_LANES - 1) / TRIPLET_LANES;

    // Counts of an event that has more than the capacities.
    localparam int HIT_WORDS_BITS = DOUBLET_BITS + BLOCK_BITS;
    localparam int BLOCK_COUNT_BITS = HIT_BITS + HIT_WORDS_BITS;
    localparam int CANDIDATE_COUNT_BITS = WORD_BITS + LANE_BITS;

    typedef logic [HIT_BITS-1:0] hit_index_t;
    typedef logic [MODULE_BITS-1:0] module_index_t;
    typedef logic [DOUBLET_BITS-1:0] doublet_index_t;
    typedef logic [SLOT_BITS-1:0] slot_t;
    typedef logic [TRIPLET_BITS-1:0] triplet_slot_t;
    typedef logic [WORD_BITS-1:0] word_index_t;
    typedef logic [BLOCK_BITS-1:0] block_index_t;
    typedef logic [LANE_BITS-1:0] lane_index_t;
    typedef logic [MAX_MODULE_DOUBLETS-1:0] slot_mask_t;
    typedef logic [LANES-1:0] lane_mask_t;
    typedef logic [ROW_BITS-1:0] bitmap_row_t;

    // Rows of the memories, of which none has fewer than two.
    localparam int HIT_ROWS = MAX_HITS < 2 ? 2 : MAX_HITS;
    localparam int BLOCK_ROWS = HIT_BLOCKS < 2 ? 2 : HIT_BLOCKS;
    localparam int MODULE_ROWS = MAX_MODULES < 2 ? 2 : MAX_MODULES;
    localparam int DOUBLET_ROWS = MAX_DOUBLETS < 2 ? 2 : MAX_DOUBLETS;
    localparam int SLOT_ROWS = MAX_MODULE_DOUBLETS < 2 ? 2 : MAX_MODULE_DOUBLETS;
    localparam int TRIPLET_ROWS = MAX_MODULE_TRIPLETS < 2 ? 2 : MAX_MODULE_TRIPLETS;
    localparam int TRIPLET_BLOCK_ROWS = TRIPLET_BLOCKS < 2 ? 2 : TRIPLET_BLOCKS;
    localparam int BITMAP_ROWS = BITMAP_FILLED < 2 ? 2 : BITMAP_FILLED;
    localparam int BITMAP_ADDRESS_BITS = $clog2(BITMAP_ROWS);

    typedef logic [BITMAP_ADDRESS_BITS-1:0] bitmap_address_t;

    // What the doublet windows and the features see of a hit.
    typedef struct packed {
        logic signed [ETA_BITS-1:0] eta;
        logic signed [PHI_BITS-1:0] phi;
        logic signed [LENGTH_BITS-1:0] r, z;
    } cylinder_t;

    typedef struct packed {
        logic signed [LENGTH_BITS-1:0] y, x;
        cylinder_t at;
    } hit_t;

    typedef struct packed {
        logic signed [PHI_SLOPE_BITS-1:0] phi_slope_high, phi_slope_low;
        logic signed [DETA_BITS-1:0] deta_high, deta_low;
        logic signed [DPHI_BITS-1:0] dphi_high, dphi_low;
        logic signed [Z0_BITS-1:0] z0_high, z0_low;
    } doublet_windows_t;

    // What the second pair of a triple must pass.
    typedef struct packed {
        logic signed [DZDR_BITS-1:0] dzdr_high, dzdr_low;
        logic signed [DYDX_BITS-1:0] dydx_high, dydx_low;
        doublet_windows_t pair;
    } outer_windows_t;

    typedef struct packed {
        outer_windows_t outer;
        doublet_windows_t inner;
        logic [31:0] outer_doublet;
    } triplet_record_t;

    // What the first pair of a triple must pass, and the doublet of the second.
    typedef struct packed {
        doublet_index_t outer_doublet;
        doublet_windows_t windows;
    } inner_triplet_t;

    // One module of the event: its hits and doublets; triplets, the word of its first hit and words
    // per hit.
    typedef struct packed {
        hit_index_t last_hit, first_hit;
        doublet_index_t last_doublet, first_doublet;
    } module_range_t;

    typedef struct packed {
        triplet_slot_t n_triplets;
        word_index_t word, hit_words;
    } module_words_t;

    typedef struct packed {
        module_range_t range;
        module_words_t words;
    } module_row_t;

    // Target with its hits; `word` is the first of the doublet among those of one source hit; the
    // triplets whose inner doublet this is, as slots of the module.
    typedef struct packed {
        module_index_t target;
        hit_index_t last_hit, first_hit;
        word_index_t word;
        triplet_slot_t last_triplet, first_triplet;
    } doublet_row_t;

    // A pair of hits that passed: `lane` of `word`.
    typedef struct packed {
        hit_index_t src, dst;
        word_index_t word;
        lane_index_t lane;
        module_index_t target;
        triplet_slot_t last_triplet, first_triplet;
    } candidate_t;

    // verilator lint_off UNUSEDSIGNAL
    function automatic hit_t hit_of(input logic [191:0] record);
        // verilator lint_on UNUSEDSIGNAL
        return '{
            x: record[0+:LENGTH_BITS],
            y: record[32+:LENGTH_BITS],
            at: '{
                z: record[64+:LENGTH_BITS],
                r: record[96+:LENGTH_BITS],
                phi: record[128+:PHI_BITS],
                eta: record[160+:ETA_BITS]
            }
        };
    endfunction

    function automatic logic is_in(input int at, input int first, input int last);
        return at >= first && at < last;
    endfunction

    function automatic block_index_t block_of(input hit_index_t hit);
        return block_index_t'(hit >> $clog2(LANES));
    endfunction

    function automatic bitmap_address_t row_of(input word_index_t word);
        return bitmap_address_t'(word >> $clog2(ROW_WORDS));
    endfunction

    // Bits before those of a word in its row.
    function automatic int place_of(input word_index_t word);
        return (32'(word) & ROW_WORDS - 1) * LANES;
    endfunction
endpackage
