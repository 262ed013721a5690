// Test bench of a Verilated module whose ports are AXI streams, scalars and status words.
// fpga_gnn/hw/verilator.py writes the tables of ports and includes this file after the model.
//
// A cycle: ports are driven while clk is low, sampled, then clk rises. What the sender of a stream
// offers it keeps until it is taken; this holds for the bench and is checked for the module.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "verilated.h"

namespace rtl {

using words = const std::uint32_t*;

// Rows into the module. `n_words` 32-bit words hold a row of `bits`.
template <class MODEL>
struct input_port {
    const char* name;
    int bits;
    void (*drive)(MODEL&, bool valid, bool last, words row);
    bool (*ready)(const MODEL&);
};

template <class MODEL>
struct output_port {
    const char* name;
    int bits;
    void (*drive)(MODEL&, bool ready);
    bool (*valid)(const MODEL&);
    bool (*last)(const MODEL&);
    void (*read)(const MODEL&, std::uint32_t* row);
};

inline int words_of(int bits) { return (bits + 31) / 32; }

template <class PORT>
void put(PORT& port, words from) {
    port = static_cast<PORT>(from[0]);
    if constexpr (sizeof(PORT) > sizeof(std::uint32_t)) {
        port |= static_cast<PORT>(from[1]) << 32;
    }
}

template <std::size_t N>
void put(VlWide<N>& port, words from) {
    for (std::size_t w = 0; w < N; ++w) {
        port[w] = from[w];
    }
}

template <class PORT>
void get(const PORT& port, std::uint32_t* to) {
    to[0] = static_cast<std::uint32_t>(port);
    if constexpr (sizeof(PORT) > sizeof(std::uint32_t)) {
        to[1] = static_cast<std::uint32_t>(port >> 32);
    }
}

template <std::size_t N>
void get(const VlWide<N>& port, std::uint32_t* to) {
    for (std::size_t w = 0; w < N; ++w) {
        to[w] = port[w];
    }
}

class generator {  // splitmix64
  public:
    explicit generator(std::uint64_t seed) : state_(seed) {}

    std::uint32_t next() {
        std::uint64_t z = state_ += 0x9e3779b97f4a7c15u;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return static_cast<std::uint32_t>((z ^ (z >> 31)) >> 32);
    }

  private:
    std::uint64_t state_;
};

// Open or shut for 1, 2, 4, .. 32 cycles at a time, so that FIFOs fill and run empty. It is shut for
// a share of shut_of_2_32 / 2^32 of the cycles.
class gate {
  public:
    gate(std::uint64_t seed, std::uint64_t shut_of_2_32)
        : random_(seed), shut_of_2_32_(shut_of_2_32) {}

    bool open() {
        if (left_ == 0) {
            open_ = random_.next() >= shut_of_2_32_;
            left_ = 1 << (random_.next() % 6);
        }
        --left_;
        return open_;
    }

  private:
    generator random_;
    std::uint64_t shut_of_2_32_;
    bool open_ = true;
    int left_ = 0;
};

enum class ending : std::int64_t { done, deadlock, broken_rule, stopped };

struct failure : std::runtime_error {
    ending why;
    failure(ending why, const std::string& what) : std::runtime_error(what), why(why) {}
};

// What a run gives to Python; the pointers live as long as the result.
struct view {
    std::int64_t why;
    const char* message;
    std::int64_t cycles;
    const std::uint64_t* status;
    const std::int64_t* stalls;     // [streams], inputs first
    const std::int64_t* transfers;  // [streams][packets][2], first and last cycle of each packet
    const std::int64_t* ends;       // [outputs][packets], rows up to the end of each packet
    const words* rows;              // [outputs], the rows of all packets
};

struct result {
    view shown{};
    std::string message;
    std::vector<std::uint64_t> status;
    std::vector<std::int64_t> stalls, transfers, ends;
    std::vector<std::vector<std::uint32_t>> output;
    std::vector<words> rows;
};

struct settings {
    std::int64_t n_packets;
    const words* rows;           // [inputs]
    const std::int64_t* ends;    // [inputs][packets]
    const std::uint64_t* scalars;  // [packets][n_scalars] if one_by_one, else [n_scalars]
    std::int64_t n_scalars;
    std::int64_t one_by_one;     // a packet is sent when the one before has left, with its scalars
    std::uint64_t seed;
    std::uint64_t shut_of_2_32;  // share of the cycles in which a stream's gate is shut
    std::int64_t patience;       // cycles without a transfer that are taken for a deadlock
    std::int64_t max_cycles;
};

template <class MODEL>
class bench {
  public:
    bench(const std::vector<input_port<MODEL>>& inputs,
          const std::vector<output_port<MODEL>>& outputs,
          void (*set_scalars)(MODEL&, const std::uint64_t*),
          std::vector<std::uint64_t> (*get_status)(const MODEL&), const settings& given)
        : given_(given), set_scalars_(set_scalars), get_status_(get_status) {
        context_.randReset(2);  // memories and registers without a reset hold anything
        context_.randSeed(static_cast<int>(given.seed % 0x7ffffffe) + 1);
        model_ = std::make_unique<MODEL>(&context_);
        std::uint64_t seed = given.seed << 16;
        for (const auto& port : inputs) {
            inputs_.emplace_back(port, given.rows[inputs_.size()],
                                 given.ends + given.n_packets * inputs_.size(),
                                 gate(++seed, given.shut_of_2_32), generator(++seed));
        }
        for (const auto& port : outputs) {
            outputs_.emplace_back(port, gate(++seed, given.shut_of_2_32));
        }
        set_scalars(*model_, given.scalars);
    }

    result* run() {
        auto done = std::make_unique<result>();
        ending why = ending::done;
        try {
            reset();
            while (passed() != given_.n_packets) {
                give_up();
                if (given_.one_by_one) {
                    set_scalars_(*model_, given_.scalars + passed() * given_.n_scalars);
                }
                step(given_.shut_of_2_32 != 0);
            }
            done->shown.cycles = last_transfer_ + 1;
            require_silence();
        } catch (const failure& stop) {
            why = stop.why;
            done->message = "cycle " + std::to_string(cycle_) + ": " + stop.what();
        }
        done->status = get_status_(*model_);
        for (const auto& input : inputs_) {
            report(input, *done);
        }
        for (auto& output : outputs_) {
            report(output, *done);
            done->ends.insert(done->ends.end(), output.ends.begin(), output.ends.end());
            done->ends.resize(done->rows.size() * given_.n_packets + given_.n_packets);
            done->output.push_back(std::move(output.rows));
            done->rows.push_back(done->output.back().data());
        }
        done->shown = {static_cast<std::int64_t>(why), done->message.c_str(), done->shown.cycles,
                       done->status.data(),            done->stalls.data(),
                       done->transfers.data(),         done->ends.data(),
                       done->rows.data()};
        return done.release();
    }

  private:
    static constexpr int RESET_CYCLES = 8;
    static constexpr int SILENT_CYCLES = 64;

    struct stream {
        std::int64_t packet = 0, row = 0, stalls = 0, first = -1;
        std::vector<std::int64_t> transfers;

        void transfer(std::int64_t cycle, bool last) {
            first = first < 0 ? cycle : first;
            ++row;
            if (last) {
                transfers.insert(transfers.end(), {first, cycle});
                ++packet;
                first = -1;
            }
        }
    };

    struct input : stream {
        input_port<MODEL> port;
        words rows;
        const std::int64_t* ends;
        gate allowed;
        generator noise;
        std::vector<std::uint32_t> idle;
        bool offered = false, last = false;

        input(const input_port<MODEL>& port, words rows, const std::int64_t* ends, gate allowed,
              generator noise)
            : port(port), rows(rows), ends(ends), allowed(allowed), noise(noise),
              idle(words_of(port.bits)) {}

        // Between rows the data is noise, so that nothing can depend on it.
        void drive(MODEL& model, bool valid) {
            for (std::uint32_t& word : idle) {
                word = noise.next();
            }
            idle.back() &= ~std::uint32_t(0) >> (32 * idle.size() - port.bits);
            last = valid ? this->row + 1 == ends[this->packet] : noise.next() % 2 != 0;
            port.drive(model, valid, last, valid ? rows + this->row * idle.size() : idle.data());
            offered = valid;
        }
    };

    struct output : stream {
        output_port<MODEL> port;
        gate allowed;
        std::vector<std::uint32_t> rows, now, before;
        std::vector<std::int64_t> ends;
        bool ready = false, held = false, last_before = false;

        output(const output_port<MODEL>& port, gate allowed)
            : port(port), allowed(allowed), now(words_of(port.bits)), before(now) {}
    };

    void reset() {
        model_->rst = 1;
        for (int n = 0; n < RESET_CYCLES; ++n) {
            drive(false, false);
            settle();
            rise();
        }
        model_->rst = 0;
    }

    // Packets that have passed all streams.
    std::int64_t passed() const {
        std::int64_t packets = given_.n_packets;
        for (const auto& input : inputs_) {
            packets = std::min(packets, input.packet);
        }
        for (const auto& output : outputs_) {
            packets = std::min(packets, output.packet);
        }
        return packets;
    }

    void give_up() const {
        if (cycle_ - last_transfer_ > given_.patience) {
            throw failure(ending::deadlock, "nothing moved for " + std::to_string(given_.patience) +
                                                " cycles: " + waiting());
        }
        if (cycle_ == given_.max_cycles) {
            throw failure(ending::deadlock, "no end: " + waiting());
        }
    }

    void step(bool gated) {
        drive(true, gated);
        settle();
        for (auto& output : outputs_) {
            check(output);
        }
        for (auto& input : inputs_) {
            const bool ready = input.port.ready(*model_);
            input.stalls += input.offered && !ready;
            if (input.offered && ready) {
                input.offered = false;
                transfer(input, input.last);
            }
        }
        for (auto& output : outputs_) {
            if (output.held) {
                ++output.stalls;
            } else if (output.port.valid(*model_)) {
                if (output.packet == given_.n_packets) {
                    throw failure(ending::broken_rule,
                                  std::string(output.port.name) + " goes on after its last packet");
                }
                output.rows.insert(output.rows.end(), output.now.begin(), output.now.end());
                transfer(output, output.last_before);
                if (output.last_before) {
                    output.ends.push_back(output.row);
                }
            }
        }
        rise();
        ++cycle_;
    }

    void drive(bool running, bool gated) {
        const std::int64_t now = given_.one_by_one ? passed() + 1 : given_.n_packets;
        const std::int64_t until = std::min(now, given_.n_packets);
        for (auto& input : inputs_) {
            const bool open = !gated || input.allowed.open();
            const bool left = running && input.packet < until;
            input.drive(*model_, input.offered || (left && open));
        }
        for (auto& output : outputs_) {
            output.ready = !gated || output.allowed.open();
            output.port.drive(*model_, output.ready);
        }
    }

    void check(output& output) {
        const std::string name = output.port.name;
        bool valid = output.port.valid(*model_);
        if (output.held && !valid) {
            throw failure(ending::broken_rule, name + "_valid falls before its row is taken");
        }
        if (!valid && !output.ready) {
            output.port.drive(*model_, true);
            settle();
            const bool depends = output.port.valid(*model_);
            output.port.drive(*model_, false);
            settle();
            if (depends) {
                throw failure(ending::broken_rule, name + "_valid waits for " + name + "_ready");
            }
        }
        if (valid) {
            const bool last = output.port.last(*model_);
            output.port.read(*model_, output.now.data());
            if (output.held && output.now != output.before) {
                throw failure(ending::broken_rule, name + "_data changes before its row is taken");
            }
            if (output.held && last != output.last_before) {
                throw failure(ending::broken_rule, name + "_last changes before its row is taken");
            }
            output.before = output.now;
            output.last_before = last;
        }
        output.held = valid && !output.ready;
    }

    void require_silence() {
        for (int n = 0; n < SILENT_CYCLES; ++n) {
            step(false);
        }
    }

    template <class STREAM>
    void transfer(STREAM& stream, bool last) {
        stream.transfer(cycle_, last);
        last_transfer_ = cycle_;
    }

    std::string waiting() const {
        std::string text;
        for (const auto& input : inputs_) {
            const std::int64_t all = input.ends[given_.n_packets - 1];
            text += std::string(text.empty() ? "" : ", ") + input.port.name +
                    (input.row == all ? " is taken, all "
                                      : " is not taken, row " + std::to_string(input.row) + " of ") +
                    std::to_string(all) + (input.row == all ? " rows" : "");
        }
        for (const auto& output : outputs_) {
            text += ", " + std::string(output.port.name) +
                    (output.packet == given_.n_packets ? " is complete, " : " is awaited, ") +
                    std::to_string(output.packet) + " of " + std::to_string(given_.n_packets) +
                    " packets and " + std::to_string(output.row) + " rows came";
        }
        return text;
    }

    void report(const stream& stream, result& done) const {
        done.stalls.push_back(stream.stalls);
        done.transfers.insert(done.transfers.end(), stream.transfers.begin(),
                              stream.transfers.end());
        done.transfers.resize(done.stalls.size() * given_.n_packets * 2, -1);
    }

    void settle() {
        model_->clk = 0;
        model_->eval();
    }

    void rise() {
        context_.timeInc(1);
        model_->clk = 1;
        model_->eval();
        context_.timeInc(1);
    }

    settings given_;
    void (*set_scalars_)(MODEL&, const std::uint64_t*);
    std::vector<std::uint64_t> (*get_status_)(const MODEL&);
    VerilatedContext context_;
    std::unique_ptr<MODEL> model_;
    std::deque<input> inputs_;
    std::deque<output> outputs_;
    std::int64_t cycle_ = 0, last_transfer_ = -1;
};

}  // namespace rtl

// Verilator's runtime calls these for $finish, failed assertions and loops that do not settle.
void vl_finish(const char* file, int line, const char*) {
    throw rtl::failure(rtl::ending::stopped,
                       std::string("$finish at ") + file + ":" + std::to_string(line));
}

void vl_stop(const char* file, int line, const char*) {
    throw rtl::failure(rtl::ending::stopped,
                       std::string("assertion failed at ") + file + ":" + std::to_string(line));
}

void vl_fatal(const char* file, int line, const char*, const char* message) {
    throw rtl::failure(rtl::ending::stopped,
                       std::string(message) + " at " + file + ":" + std::to_string(line));
}
