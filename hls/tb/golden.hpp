// Reader of golden vectors and first-difference comparison for the benches (host only).
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "contract.hpp"

namespace golden {

using column = std::vector<std::int64_t>;

// A file as fpga_gnn/hw/vectors.py writes it; every surprise is a std::runtime_error.
class file {
  public:
    file(const std::string& path, const std::string& kernel) : path_(path) {
        std::ifstream input(path, std::ios::binary);
        std::stringstream text;
        text << input.rdbuf();
        const std::string all = text.str();
        const std::string::size_type mark = all.rfind("fnv1a ");
        if (!input || mark == std::string::npos) {
            fail("not a golden file");
        }
        if (all.substr(mark) != "fnv1a " + fnv1a(all.substr(0, mark)) + "\n") {
            fail("damaged: its text does not have the hash of its last line");
        }
        words_.str(all.substr(0, mark));
        expect("kernel");
        expect(kernel);
        expect("contract");
        expect(fpga_gnn::CONTRACT_SHA256);
    }

    // Moves to the next case; false at the end of the file.
    bool next(std::string& name) {
        std::string word;
        if (!(words_ >> word)) {
            return false;
        }
        if (word != "case" || !(words_ >> name)) {
            fail("found " + word + ", expected case");
        }
        return true;
    }

    column read(const std::string& name) {
        expect(name);
        std::size_t size = 0;
        words_ >> size;
        column values(size);
        for (std::int64_t& value : values) {
            words_ >> value;
        }
        if (!words_) {
            fail("column " + name + " is not made of integers");
        }
        return values;
    }

    void end() { expect("end"); }

  private:
    void expect(const std::string& expected) {
        std::string found;
        words_ >> found;
        if (found != expected) {
            fail("found " + found + ", expected " + expected +
                 "; make it again with sim/make_golden.py");
        }
    }

    [[noreturn]] void fail(const std::string& what) const {
        throw std::runtime_error(path_ + ": " + what);
    }

    static std::string fnv1a(const std::string& text) {
        std::uint64_t hash = 0xcbf29ce484222325u;
        for (const unsigned char byte : text) {
            hash = (hash ^ byte) * 0x100000001b3u;
        }
        char digits[17];
        std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(hash));
        return digits;
    }

    std::string path_;
    std::istringstream words_;
};

// Throws on the first difference, naming kernel, case, column, index, expected and got.
inline std::size_t require_equal(const std::string& kernel, const std::string& name,
                                 const std::string& what, const column& expected,
                                 const column& got) {
    const std::string where = kernel + ": case " + name + ": " + what;
    if (expected.size() != got.size()) {
        throw std::runtime_error(where + ": length expected " + std::to_string(expected.size()) +
                                 ", got " + std::to_string(got.size()));
    }
    for (std::size_t i = 0; i < expected.size(); ++i) {
        if (expected[i] != got[i]) {
            throw std::runtime_error(where + "[" + std::to_string(i) + "]: expected " +
                                     std::to_string(expected[i]) + ", got " +
                                     std::to_string(got[i]));
        }
    }
    return expected.size();
}

// Runs `check(file, case name)`, which returns the number of values compared, on every case.
template <class CHECK>
int run(int argc, char** argv, const std::string& kernel, CHECK check) {
    if (argc != 2) {
        std::cerr << "usage: " << argv[0] << " GOLDEN_FILE\n";
        return 1;
    }
    try {
        file vectors(argv[1], kernel);
        std::size_t cases = 0, values = 0;
        for (std::string name; vectors.next(name); ++cases) {
            values += check(vectors, name);
            vectors.end();
        }
        if (values == 0) {
            throw std::runtime_error(std::string(argv[1]) + ": no values to compare");
        }
        std::cout << kernel << ": " << cases << " cases, " << values << " values equal\n";
        return 0;
    } catch (const std::exception& error) {
        std::cerr << error.what() << "\n";
        return 1;
    }
}

}  // namespace golden
