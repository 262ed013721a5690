// Module map: hit pairs inside doublet windows, tagged where a triplet of them fits.
// Reference: fpga_gnn/reference/module_map.py
// Law:   that of hls/include/fpga_gnn/module_map.hpp. An event is one packet of each stream:
//          sizes     {n_doublets, n_modules, n_hits}, one row
//          hits      hit records
//          starts    {doublet_start[m], module_start[m]} for m = 0 .. n_modules
//          links     {triplet_start[d + 1], doublet_target[d]} for every doublet
//          doublets  doublet records, triplets  triplet records
//        and gives one of each of these:
//          nodes     node records, edges  edge records in the order (src, dst)
//          status    module_map_status, one row
//        A packet without rows is one row of zeros; rows beyond the counts are ignored. More hits,
//        modules, doublets, doublets or triplets of one module, or blocks than the capacities: nothing
//        but `status` is given, `overflow` names them, the counts are exact. Edges above MAX_EDGES:
//        counted in n_edges, not given, `overflow` says so.
// Needs: integers within the contract's formats, starts ascending, indices of existing rows.
// Cost:  phase by phase, see module_map_index.sv, module_map_find.sv, module_map_tag.sv and
//        module_map_emit.sv; the nodes leave while candidates are found. `*_cycles` hold what the last
//        event took. Memory: 2 MAX_BLOCKS LANES bits (candidates, tags), hits twice,
//        MAX_HITS MAX_MODULE_DOUBLETS bits, tables of modules and doublets.
// Records have spare bits, rows columns for others; an index counts to the capacity, an address less.
// verilator lint_off UNUSEDSIGNAL
module module_map
    import module_map_config::*;
    import module_map_types::*;
(
    input  logic         clk,
    input  logic         rst,
    input  logic         physical,
    input  logic [ 95:0] sizes_data,
    input  logic         sizes_valid,
    output logic         sizes_ready,
    input  logic         sizes_last,
    input  logic [255:0] hits_data,
    input  logic         hits_valid,
    output logic         hits_ready,
    input  logic         hits_last,
    input  logic [ 63:0] starts_data,
    input  logic         starts_valid,
    output logic         starts_ready,
    input  logic         starts_last,
    input  logic [ 63:0] links_data,
    input  logic         links_valid,
    output logic         links_ready,
    input  logic         links_last,
    input  logic [255:0] doublets_data,
    input  logic         doublets_valid,
    output logic         doublets_ready,
    input  logic         doublets_last,
    input  logic [511:0] triplets_data,
    input  logic         triplets_valid,
    output logic         triplets_ready,
    input  logic         triplets_last,
    output logic [ 63:0] nodes_data,
    output logic         nodes_valid,
    input  logic         nodes_ready,
    output logic         nodes_last,
    output logic [255:0] edges_data,
    output logic         edges_valid,
    input  logic         edges_ready,
    output logic         edges_last,
    output logic [511:0] status_data,
    output logic         status_valid,
    input  logic         status_ready,
    output logic         status_last,
    output logic [ 31:0] index_cycles,
    output logic [ 31:0] find_cycles,
    output logic [ 31:0] tag_cycles,
    output logic [ 31:0] emit_cycles
);
    typedef enum logic [2:0] {SIZES, CHECK, INDEX, FIND, TAG, EMIT, REST} phase_t;

    // As in hls/include/fpga_gnn/module_map.hpp.
    typedef struct packed {
        logic [63:0] unused, n_saturated, n_edges, n_candidates;
        logic [63:0] n_blocks, module_triplets, module_doublets, overflow;
    } status_t;

    phase_t phase;
    status_t status;
    logic [31:0] n_hits, n_modules, n_doublets;
    hit_index_t hit_count;
    module_index_t module_count;

    assign hit_count = HIT_BITS'(n_hits);
    assign module_count = MODULE_BITS'(n_modules);

    // Streams: what is left of the packets is taken in the end.
    typedef struct packed {logic hits, starts, links, doublets, triplets, nodes, edges;} streams_t;

    streams_t ended, ends;
    logic rest;
    logic wants_hits, wants_starts, wants_links, wants_doublets, wants_triplets;
    logic [63:0] node_record;
    logic [255:0] edge_record;
    logic node_valid, node_last, edge_valid, edge_last;

    assign rest = phase == REST;
    assign sizes_ready = phase == SIZES;
    assign hits_ready = wants_hits || (rest && !ended.hits);
    assign starts_ready = wants_starts || (rest && !ended.starts);
    assign links_ready = wants_links || (rest && !ended.links);
    assign doublets_ready = wants_doublets || (rest && !ended.doublets);
    assign triplets_ready = wants_triplets || (rest && !ended.triplets);
    assign nodes_data = rest ? '0 : node_record;
    assign nodes_valid = node_valid || (rest && !ended.nodes);
    assign nodes_last = rest || node_last;
    assign edges_data = rest ? '0 : edge_record;
    assign edges_valid = edge_valid || (rest && !ended.edges);
    assign edges_last = rest || edge_last;
    assign status_data = status;
    assign status_valid = rest && ended == '1;
    assign status_last = 1'b1;
    assign ends = '{
        hits: hits_valid && hits_ready && hits_last,
        starts: starts_valid && starts_ready && starts_last,
        links: links_valid && links_ready && links_last,
        doublets: doublets_valid && doublets_ready && doublets_last,
        triplets: triplets_valid && triplets_ready && triplets_last,
        nodes: nodes_valid && nodes_ready && nodes_last,
        edges: edges_valid && edges_ready && edges_last
    };

    // Phases.
    logic start_index, start_find, start_tag, start_emit, walk_after_load;
    logic index_done, find_done, tag_done, nodes_done, edges_done, reader_busy, walk_busy;
    logic [31:0] most_doublets, most_triplets;
    logic [BLOCK_COUNT_BITS-1:0] n_blocks;
    logic [CANDIDATE_COUNT_BITS-1:0] n_candidates, n_edges;
    logic [EDGE_BITS+3:0] edge_saturations;
    logic [HIT_BITS+2:0] node_saturations;
    logic [2:0] size_overflow, index_overflow;
    logic edge_overflow, found;

    assign size_overflow = {
        n_doublets > MAX_DOUBLETS, n_modules > MAX_MODULES, n_hits > MAX_HITS
    };
    assign index_overflow = {
        64'(n_blocks) > 64'(MAX_BLOCKS),
        most_triplets > MAX_MODULE_TRIPLETS,
        most_doublets > MAX_MODULE_DOUBLETS
    };
    assign edge_overflow = 64'(n_edges) > 64'(MAX_EDGES);
    assign nodes_done = ended.nodes || n_hits == 0;
    assign edges_done = (ended.edges || n_edges == 0) && !walk_busy && !reader_busy;

    always_ff @(posedge clk) begin
        {start_index, start_find, start_tag, start_emit} <= '0;
        ended <= ended | ends;
        index_cycles <= index_cycles + 32'(phase == INDEX);
        find_cycles <= find_cycles + 32'(phase == FIND);
        tag_cycles <= tag_cycles + 32'(phase == TAG);
        emit_cycles <= emit_cycles + 32'(phase == EMIT);
        unique case (phase)
            SIZES:
            if (sizes_valid) begin
                {n_doublets, n_modules, n_hits} <= sizes_data;
                {index_cycles, find_cycles, tag_cycles, emit_cycles} <= '0;
                status <= '0;
                phase <= CHECK;
            end
            CHECK: begin
                status.overflow <= 64'(size_overflow);
                start_index <= size_overflow == 0;
                phase <= size_overflow == 0 ? INDEX : REST;
            end
            INDEX:
            if (index_done) begin
                status.module_doublets <= 64'(most_doublets);
                status.module_triplets <= 64'(most_triplets);
                status.n_blocks <= 64'(n_blocks);
                status.overflow <= 64'(index_overflow) << 3;
                start_find <= index_overflow == 0;
                phase <= index_overflow == 0 ? FIND : REST;
            end
            FIND: begin
                if (find_done) begin
                    found <= 1'b1;
                end
                if (found && nodes_done) begin
                    found <= 1'b0;
                    status.n_candidates <= 64'(n_candidates);
                    start_tag <= 1'b1;
                    phase <= TAG;
                end
            end
            TAG:
            if (tag_done) begin
                status.n_edges <= 64'(n_edges);
                status.overflow <= 64'(edge_overflow) << 6;
                start_emit <= 1'b1;
                phase <= EMIT;
            end
            EMIT:
            if (edges_done && !start_emit) begin
                status.n_saturated <= 64'(node_saturations) + 64'(edge_saturations);
                phase <= REST;
            end
            default:
            if (status_valid && status_ready) begin
                ended <= '0;
                phase <= SIZES;
            end
        endcase
        if (rst) begin
            phase <= SIZES;
            ended <= '0;
            found <= 1'b0;
            {start_index, start_find, start_tag, start_emit} <= '0;
        end
    end

    // Memories. The first port of each also writes.
    hit_index_t load_address, find_src, node_address, tag_src, tag_dst, emit_src, emit_dst;
    hit_index_t src_address, dst_address, leaving_address, find_leaving, reader_leaving;
    hit_t loaded_hit, src_hit, dst_hit;
    hit_t [LANES-1:0] block;
    cylinder_t [LANES-1:0] block_at;
    block_index_t block_address, find_block, tag_block;
    module_index_t walk_address, range_address, words_address, target_address, middle_address;
    module_range_t loaded_range;
    module_words_t counted_words;
    module_row_t walked, middle;
    doublet_index_t doublet_address, index_doublet, find_doublet, reader_doublet, outer_address;
    doublet_row_t indexed_doublet, doublet, outer;
    slot_mask_t found_leaving, leaving, dst_leaving;
    bitmap_address_t find_row_address, reader_row_address, tag_accepted, tag_address;
    bitmap_row_t found_row, accepted, outer_accepted, tagged_row, tags_before, tags_after;
    logic hit_write, range_write, words_write, doublet_write, row_write, leaving_write, tag_write;

    always_comb begin
        unique case (phase)
            INDEX: {src_address, dst_address} = {load_address, tag_dst};
            FIND: {src_address, dst_address} = {find_src, node_address};
            TAG: {src_address, dst_address} = {tag_src, tag_dst};
            default: {src_address, dst_address} = {emit_src, emit_dst};
        endcase
    end

    assign block_address = phase == FIND ? find_block : tag_block;
    assign doublet_address = phase == INDEX ? index_doublet
        : phase == FIND ? find_doublet : reader_doublet;
    assign leaving_address = phase == INDEX ? load_address
        : phase == FIND ? find_leaving : reader_leaving;

    row_memory #(
        .ROWS (HIT_ROWS),
        .WIDTH($bits(hit_t))
    ) hits (
        .clk      (clk),
        .a_write  (hit_write),
        .a_address($clog2(HIT_ROWS)'(src_address)),
        .a_row    (loaded_hit),
        .a_read   (src_hit),
        .b_address($clog2(HIT_ROWS)'(dst_address)),
        .b_read   (dst_hit)
    );

    for (genvar lane = 0; lane < LANES; ++lane) begin : lanes
        row_memory #(
            .ROWS (BLOCK_ROWS),
            .WIDTH($bits(hit_t))
        ) blocks (
            .clk      (clk),
            .a_write  (hit_write && (32'(load_address) & LANES - 1) == lane),
            .a_address($clog2(BLOCK_ROWS)'(block_of(load_address))),
            .a_row    (loaded_hit),
            .a_read   (),
            .b_address($clog2(BLOCK_ROWS)'(block_address)),
            .b_read   (block[lane])
        );
        assign block_at[lane] = block[lane].at;
    end

    row_memory #(
        .ROWS (MODULE_ROWS),
        .WIDTH($bits(module_range_t))
    ) ranges (
        .clk      (clk),
        .a_write  (range_write),
        .a_address($clog2(MODULE_ROWS)'(range_write ? range_address : walk_address)),
        .a_row    (loaded_range),
        .a_read   (walked.range),
        .b_address($clog2(MODULE_ROWS)'(phase == INDEX ? target_address : middle_address)),
        .b_read   (middle.range)
    );

    row_memory #(
        .ROWS (MODULE_ROWS),
        .WIDTH($bits(module_words_t))
    ) words (
        .clk      (clk),
        .a_write  (words_write),
        .a_address($clog2(MODULE_ROWS)'(words_write ? words_address : walk_address)),
        .a_row    (counted_words),
        .a_read   (walked.words),
        .b_address($clog2(MODULE_ROWS)'(middle_address)),
        .b_read   (middle.words)
    );

    row_memory #(
        .ROWS (DOUBLET_ROWS),
        .WIDTH($bits(doublet_row_t))
    ) doublets (
        .clk      (clk),
        .a_write  (doublet_write),
        .a_address($clog2(DOUBLET_ROWS)'(doublet_address)),
        .a_row    (indexed_doublet),
        .a_read   (doublet),
        .b_address($clog2(DOUBLET_ROWS)'(outer_address)),
        .b_read   (outer)
    );

    row_memory #(
        .ROWS (HIT_ROWS),
        .WIDTH(MAX_MODULE_DOUBLETS)
    ) leaving_of_hit (
        .clk      (clk),
        .a_write  (hit_write || leaving_write),
        .a_address($clog2(HIT_ROWS)'(leaving_address)),
        .a_row    (leaving_write ? found_leaving : '0),
        .a_read   (leaving),
        .b_address($clog2(HIT_ROWS)'(tag_dst)),
        .b_read   (dst_leaving)
    );

    row_memory #(
        .ROWS (BITMAP_ROWS),
        .WIDTH(ROW_BITS)
    ) accepted_pairs (
        .clk      (clk),
        .a_write  (row_write),
        .a_address(row_write ? find_row_address : reader_row_address),
        .a_row    (found_row),
        .a_read   (accepted),
        .b_address(tag_accepted),
        .b_read   (outer_accepted)
    );

    row_memory #(
        .ROWS (BITMAP_ROWS),
        .WIDTH(ROW_BITS)
    ) tagged_pairs (
        .clk      (clk),
        .a_write  (row_write || tag_write),
        .a_address(row_write ? find_row_address : tag_write ? tag_address : reader_row_address),
        .a_row    (row_write ? '0 : tags_after),
        .a_read   (tagged_row),
        .b_address(tag_address),
        .b_read   (tags_before)
    );

    // Processes.
    module_row_t module_data;
    logic module_valid, module_ready, index_takes, find_takes, tag_takes, reader_takes;
    logic tag_gives;
    candidate_t candidate;
    logic candidate_valid, candidate_ready, tag_ready, emit_ready;

    assign module_ready = phase == INDEX ? index_takes
        : phase == FIND ? find_takes : phase == TAG ? tag_takes : phase == EMIT && reader_takes;
    assign candidate_ready = phase == TAG ? tag_ready : emit_ready;

    module_walk walk (
        .clk         (clk),
        .rst         (rst),
        .start       (walk_after_load || start_find || start_tag || start_emit),
        .n_modules   (module_count),
        .address     (walk_address),
        .row         (walked),
        .module_data (module_data),
        .module_valid(module_valid),
        .module_ready(module_ready),
        .busy        (walk_busy)
    );

    module_map_index index (
        .clk            (clk),
        .rst            (rst),
        .start          (start_index),
        .done           (index_done),
        .n_hits         (hit_count),
        .n_modules      (module_count),
        .hits_data      (hits_data[191:0]),
        .hits_valid     (hits_valid),
        .hits_ready     (wants_hits),
        .starts_data    (starts_data),
        .starts_valid   (starts_valid),
        .starts_ready   (wants_starts),
        .links_data     (links_data),
        .links_valid    (links_valid),
        .links_ready    (wants_links),
        .hit_write      (hit_write),
        .hit_address    (load_address),
        .hit            (loaded_hit),
        .range_write    (range_write),
        .range_address  (range_address),
        .range          (loaded_range),
        .walk_start     (walk_after_load),
        .module_data    (module_data.range),
        .module_valid   (module_valid),
        .module_ready   (index_takes),
        .target_address (target_address),
        .target_first_hit(middle.range.first_hit),
        .target_last_hit (middle.range.last_hit),
        .doublet_write  (doublet_write),
        .doublet_address(index_doublet),
        .doublet        (indexed_doublet),
        .words_write    (words_write),
        .words_address  (words_address),
        .words          (counted_words),
        .most_doublets  (most_doublets),
        .most_triplets  (most_triplets),
        .n_blocks       (n_blocks)
    );

    module_map_nodes nodes (
        .clk        (clk),
        .rst        (rst),
        .start      (start_find),
        .n_hits     (hit_count),
        .address    (node_address),
        .hit        (dst_hit.at),
        .nodes_data (node_record),
        .nodes_valid(node_valid),
        .nodes_ready(nodes_ready),
        .nodes_last (node_last),
        .n_saturated(node_saturations)
    );

    module_map_find find (
        .clk            (clk),
        .rst            (rst),
        .start          (start_find),
        .done           (find_done),
        .n_modules      (module_count),
        .module_data    (module_data.range),
        .module_valid   (module_valid),
        .module_ready   (find_takes),
        .doublets_data  (doublets_data[32+:$bits(doublet_windows_t)]),
        .doublets_valid (doublets_valid),
        .doublets_ready (wants_doublets),
        .doublet_address(find_doublet),
        .target_first_hit(doublet.first_hit),
        .target_last_hit (doublet.last_hit),
        .hit_address    (find_src),
        .hit            (src_hit.at),
        .block_address  (find_block),
        .block          (block_at),
        .row_write      (row_write),
        .row_address    (find_row_address),
        .row            (found_row),
        .leaving_write  (leaving_write),
        .leaving_address(find_leaving),
        .leaving        (found_leaving),
        .n_candidates   (n_candidates)
    );

    candidate_reader reader (
        .clk            (clk),
        .rst            (rst),
        .inner_only     (phase == TAG),
        .module_data    (module_data),
        .module_valid   (phase == TAG ? tag_gives : phase == EMIT && module_valid),
        .module_ready   (reader_takes),
        .leaving_address(reader_leaving),
        .leaving        (leaving),
        .doublet_address(reader_doublet),
        .doublet        (doublet),
        .bitmap_address (reader_row_address),
        .bitmap         (phase == TAG ? accepted : tagged_row),
        .candidate_data (candidate),
        .candidate_valid(candidate_valid),
        .candidate_ready(candidate_ready),
        .busy           (reader_busy)
    );

    module_map_tag tag (
        .clk             (clk),
        .rst             (rst),
        .start           (start_tag),
        .done            (tag_done),
        .physical        (physical),
        .n_modules       (module_count),
        .n_triplets      (module_data.words.n_triplets),
        .module_valid    (module_valid),
        .module_ready    (tag_takes),
        .triplets_data   (triplets_data[$bits(triplet_record_t)-1:0]),
        .triplets_valid  (triplets_valid),
        .triplets_ready  (wants_triplets),
        .source_valid    (tag_gives),
        .source_ready    (reader_takes),
        .candidate_data  (candidate),
        .candidate_valid (phase == TAG && candidate_valid),
        .candidate_ready (tag_ready),
        .reader_busy     (reader_busy),
        .src_address     (tag_src),
        .src_hit         (src_hit),
        .dst_address     (tag_dst),
        .dst_hit         (dst_hit),
        .dst_leaving     (dst_leaving),
        .middle_address  (middle_address),
        .middle          (middle),
        .outer_address   (outer_address),
        .outer_first_hit (outer.first_hit),
        .outer_last_hit  (outer.last_hit),
        .outer_word_offset(outer.word),
        .block_address   (tag_block),
        .block           (block),
        .accepted_address(tag_accepted),
        .accepted        (outer_accepted),
        .tags_address    (tag_address),
        .old_tags        (tags_before),
        .tags_write      (tag_write),
        .new_tags        (tags_after),
        .n_edges         (n_edges)
    );

    module_map_emit emit (
        .clk            (clk),
        .rst            (rst),
        .start          (start_emit),
        .n_edges        (n_edges),
        .candidate_src  (candidate.src),
        .candidate_dst  (candidate.dst),
        .candidate_valid(phase == EMIT && candidate_valid),
        .candidate_ready(emit_ready),
        .src_address    (emit_src),
        .src_hit        (src_hit.at),
        .dst_address    (emit_dst),
        .dst_hit        (dst_hit.at),
        .edges_data     (edge_record),
        .edges_valid    (edge_valid),
        .edges_ready    (edges_ready),
        .edges_last     (edge_last),
        .n_saturated    (edge_saturations)
    );
endmodule
