// Bounded hls::stream: a process that reads an empty FIFO waits, and so does one that writes a full
// one. Stands in for the hls_stream.h of the ap_types where a whole dataflow is simulated, with
// processes that take turns as coroutines. Whether they all end does not depend on the turns; here
// they go round robin, so that every run takes the same steps.
//
// A pipeline is modelled as the one that is slowest to let go: a process sends a row only when it
// holds `pipeline` younger ones or is through with a graph, as a Vitis pipeline whose input stalls.
#pragma once

#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace dataflow {

class process;

// What the processes' turns need of a stream.
class fifo {
  public:
    virtual ~fifo() = default;
    virtual std::size_t size() const = 0;
    // Sends the oldest row in the pipeline of the process that writes here; false: none.
    virtual bool send() = 0;

    std::string name;
    std::size_t depth = SIZE_MAX, largest = 0;
    process *reader = nullptr, *writer = nullptr;  // Who waits here, if anyone.
    process* owner = nullptr;                      // Who has written here.
};

// A function call per graph, on a stack of its own.
class process {
  public:
    process(const std::string& its_name, std::function<void()> its_call);
    ~process() { munmap(stack, STACK); }
    process(const process&) = delete;
    process& operator=(const process&) = delete;

    const std::string name;
    const std::function<void()> call;
    std::vector<fifo*> written;
    const fifo* waits_on = nullptr;
    bool waits_to_read = false, ended = false;
    ucontext_t context;

  private:
    // Reserved only: what a process touches of it takes memory.
    static constexpr std::size_t STACK = std::size_t(1) << 28;
    void* const stack;
};

// The processes of one dataflow, their turns, and the FIFOs between them.
class network {
  public:
    // `its_depths`: one per FIFO, in the order in which they are made.
    network(std::size_t n_graphs, std::size_t pipeline_rows, const std::uint64_t* its_depths)
        : graphs(n_graphs), pipeline(pipeline_rows), depths(its_depths) {}

    void join(fifo& stream) {
        stream.depth = depths[fifos.size()];
        fifos.push_back(&stream);
    }

    void add(const std::string& name, std::function<void()> call) {
        processes.push_back(std::make_unique<process>(name, std::move(call)));
    }

    // Runs until every process has ended, or none can go on.
    void run() {
        for (const auto& each : processes) {
            ready.push_back(each.get());
        }
        while (!ready.empty()) {
            running = ready.front();
            ready.pop_front();
            ++steps;
            swapcontext(&scheduler, &running->context);
        }
        running = nullptr;
        for (const fifo* stream : fifos) {
            largest.push_back(stream->largest);
        }
        for (const auto& each : processes) {
            if (!each->ended) {
                const fifo& stream = *each->waits_on;
                blocked += each->name + (each->waits_to_read ? " reads " : " writes ") +
                           stream.name + " " + std::to_string(stream.size()) + " " +
                           std::to_string(stream.depth) + "\n";
            }
        }
    }

    // The running process leaves its turn until the other end of `stream` wakes it.
    void wait(fifo& stream, bool to_read) {
        (to_read ? stream.reader : stream.writer) = running;
        running->waits_on = &stream;
        running->waits_to_read = to_read;
        leave();
    }

    void wake(process*& waiting) {
        if (waiting != nullptr) {
            ready.push_back(waiting);
            waiting = nullptr;
        }
    }

    // All turns of the running process.
    void serve() {
        process& its = *running;
        for (std::size_t graph = 0; graph < graphs; ++graph) {
            its.call();
            for (bool sent = true; sent;) {
                sent = false;
                for (fifo* stream : its.written) {
                    sent |= stream->send();
                }
            }
        }
        its.ended = true;
        leave();
    }

    const std::size_t graphs, pipeline;
    process* running = nullptr;
    std::uint64_t steps = 0;
    std::vector<std::uint64_t> largest;
    std::string blocked;  // Lines of: process, "reads" or "writes", FIFO, its fill, its depth.

  private:
    void leave() { swapcontext(&running->context, &scheduler); }

    const std::uint64_t* const depths;
    std::vector<std::unique_ptr<process>> processes;
    std::vector<fifo*> fifos;
    std::deque<process*> ready;
    ucontext_t scheduler;
};

// The network that streams join when they are made. Without one they are unbounded.
inline network*& current() {
    static network* its = nullptr;
    return its;
}

inline process::process(const std::string& its_name, std::function<void()> its_call)
    : name(its_name),
      call(std::move(its_call)),
      stack(mmap(nullptr, STACK, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0)) {
    if (stack == MAP_FAILED) {
        throw std::runtime_error("no address space for the stack of " + name);
    }
    getcontext(&context);
    context.uc_stack.ss_sp = stack;
    context.uc_stack.ss_size = STACK;
    makecontext(&context, [] { current()->serve(); }, 0);
}

}  // namespace dataflow

namespace hls {

template <class row_T, int DEPTH = 0>
class stream final : public dataflow::fifo {
  public:
    stream() : stream("stream") {}
    explicit stream(const char* its_name) {
        name = its_name;
        if (dataflow::current() != nullptr) {
            dataflow::current()->join(*this);
        }
    }
    stream(const stream&) = delete;
    stream& operator=(const stream&) = delete;

    std::size_t size() const override { return rows.size(); }
    bool empty() const { return rows.empty(); }

    row_T read() {
        dataflow::network* const its = dataflow::current();
        while (rows.empty()) {
            if (its == nullptr) {
                throw std::runtime_error(name + " is empty");
            }
            its->wait(*this, true);
        }
        const row_T row = rows.front();
        rows.pop_front();
        if (its != nullptr) {
            its->wake(writer);
        }
        return row;
    }
    void read(row_T& row) { row = read(); }

    void write(const row_T& row) {
        dataflow::network* const its = dataflow::current();
        if (its == nullptr) {
            rows.push_back(row);
            return;
        }
        if (owner == nullptr) {
            owner = its->running;
            owner->written.push_back(this);
        }
        pipeline.push_back(row);
        if (pipeline.size() > its->pipeline) {
            send();
        }
    }

    bool send() override {
        if (pipeline.empty()) {
            return false;
        }
        while (rows.size() >= depth) {
            dataflow::current()->wait(*this, false);
        }
        rows.push_back(pipeline.front());
        pipeline.pop_front();
        largest = std::max(largest, rows.size());
        dataflow::current()->wake(reader);
        return true;
    }

  private:
    std::deque<row_T> rows, pipeline;
};

}  // namespace hls
