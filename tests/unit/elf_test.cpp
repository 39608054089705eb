// SPDX-License-Identifier: Apache-2.0
#include "elf/elf.hpp"
#include "support/elf_file.hpp"
#include "support/outcome.hpp"
#include "sys/host_fs.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <doctest/doctest.h>
#include <elf.h>
#include <vector>

namespace {

using namespace grapnel;
using namespace grapnel::test;

constexpr auto cuda_note = R"({"format":1,"CUDA version":"13.0","driver":[535]})";

/// The host's file in one piece; empty if it is not there.
std::string file_of_this_machine(const char* path) {
    const auto view = sys::LinuxHostFs().map(host_path(path));
    return view ? std::string(view->bytes()) : std::string();
}

} // namespace

TEST_CASE("an ELF file has machine and SONAME") {
    struct Row {
        ElfSketch sketch;
        ElfFacts facts;
    };
    using Sketch = ElfSketch::Machine;
    using Facts = ElfFacts::Machine;
    const Row rows[] = {
        {{Sketch::native, "libcuda.so.1"}, {Facts::native, "libcuda.so.1"}},
        {{Sketch::native32, "libcuda.so.1"}, {Facts::native32, "libcuda.so.1"}},
        {{Sketch::other, "libcuda.so.1"}, {Facts::other, "libcuda.so.1"}},
        {{Sketch::native, ""}, {Facts::native, ""}},
    };
    for (const auto& row : rows) {
        CAPTURE(row.sketch.soname);
        const auto facts = read_elf(elf_file(row.sketch));
        REQUIRE(facts);
        CHECK(*facts == row.facts);
    }
}

TEST_CASE("what is no ELF file is refused") {
    struct Row {
        std::string file;
        const char* error;
    };
    auto strange_class = elf_file({});
    strange_class[EI_CLASS] = 3;
    const Row rows[] = {
        {"", "not an ELF file"},
        {"\x7f"
         "ELF",
         "not an ELF file"},
        {"INPUT(libcuda.so.1) and so on", "not an ELF file"},
        {strange_class, "unknown class"},
        {elf_file({}).substr(0, 40), "cut off"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.error);
        CHECK(contains(error_of(read_elf(row.file)), row.error));
    }
}

TEST_CASE("a cut ELF file gives no wrong SONAME") {
    for (const auto machine : {ElfSketch::Machine::native, ElfSketch::Machine::native32}) {
        const auto file = elf_file({.machine = machine, .soname = "libx.so.1", .note = cuda_note});
        for (std::size_t length = 0; length < file.size(); ++length) {
            CAPTURE(length);
            // in memory of its own: a read past the end is seen by the sanitizer
            const std::vector<char> cut(file.begin(),
                                        file.begin() + static_cast<std::ptrdiff_t>(length));
            const std::string_view view(cut.data(), cut.size());
            const auto facts = read_elf(view);
            if (facts)
                CHECK((facts->soname.empty() || facts->soname == "libx.so.1"));
            const auto note = elf_note(view, ".note.cuda.fwd_compatibility", "NVIDIA Corporation");
            if (note)
                CHECK(*note == cuda_note);
        }
        CHECK(read_elf(file)->soname == "libx.so.1");
    }
}

TEST_CASE("any wrong byte of an ELF is harmless") {
    for (const auto machine : {ElfSketch::Machine::native, ElfSketch::Machine::native32}) {
        const auto file = elf_file({.machine = machine, .soname = "libx.so.1", .note = cuda_note});
        for (std::size_t at = 0; at < file.size(); ++at)
            for (const char wrong : {'\0', '\x01', '\x7f', '\x80', '\xff'}) {
                auto damaged = std::vector<char>(file.begin(), file.end());
                damaged[at] = wrong;
                const std::string_view view(damaged.data(), damaged.size());
                (void)read_elf(view); // that it returns is all there is to ask
                const auto note =
                    elf_note(view, ".note.cuda.fwd_compatibility", "NVIDIA Corporation");
                if (note)
                    CHECK(note->size() <= file.size());
            }
    }
}

TEST_CASE("overflowing offsets and counts are harmless") {
    const auto file = elf_file({.soname = "libx.so.1", .note = cuda_note});
    for (const std::size_t field : {offsetof(Elf64_Ehdr, e_phoff), offsetof(Elf64_Ehdr, e_shoff)})
        for (const std::uint64_t value :
             {std::uint64_t(0), std::uint64_t(1), std::uint64_t(file.size()), ~std::uint64_t(0),
              ~std::uint64_t(0) - 63, std::uint64_t(1) << 63}) {
            CAPTURE(field);
            CAPTURE(value);
            auto damaged = file;
            std::memcpy(damaged.data() + field, &value, sizeof value);
            (void)read_elf(damaged);
            (void)elf_note(damaged, ".note.cuda.fwd_compatibility", "NVIDIA Corporation");
        }
}

TEST_CASE("a note is found by section and owner") {
    for (const auto machine : {ElfSketch::Machine::native, ElfSketch::Machine::native32}) {
        const auto file = elf_file({.machine = machine,
                                    .soname = "libcuda.so.1",
                                    .note = "abc",
                                    .note_section = ".note.x",
                                    .note_owner = "Owner"});
        CHECK(elf_note(file, ".note.x", "Owner") == "abc");
        CHECK(elf_note(file, ".note.y", "Owner") == std::nullopt);
        CHECK(elf_note(file, ".note", "Owner") == std::nullopt);
        CHECK(elf_note(file, ".note.x", "Own") == std::nullopt);
        CHECK(elf_note(file, ".note.x", "Owner2") == std::nullopt);
    }
    CHECK(elf_note("", ".note.x", "Owner") == std::nullopt);
    CHECK(elf_note("no ELF file, but long enough", ".note.x", "Owner") == std::nullopt);
}

TEST_CASE("a program of this machine is read") {
    for (const auto* const path : {"/bin/true", "/proc/self/exe"}) {
        const auto file = file_of_this_machine(path);
        if (file.empty())
            continue;
        const auto facts = read_elf(file);
        REQUIRE(facts);
        CHECK(facts->machine == ElfFacts::Machine::native);
        CHECK(facts->soname.empty());
        CHECK(elf_note(file, ".note.gnu.build-id", "GNU").value_or("").size() >= 8);
    }
}
