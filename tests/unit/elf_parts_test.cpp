// SPDX-License-Identifier: Apache-2.0
#include "elf/elf.hpp"
#include "support/elf_file.hpp"
#include "support/outcome.hpp"

#include <cstddef>
#include <cstring>
#include <doctest/doctest.h>
#include <elf.h>

namespace {

using namespace grapnel;
using test::contains;
using test::elf_file;
using test::ElfSketch;
using test::error_of;

constexpr auto section = ".note.cuda.fwd_compatibility";
constexpr auto owner = "NVIDIA Corporation";
const std::string note = R"({"CUDA version":"13.1","driver":[580]})";

/// A file in memory; the most that was read of it at once is kept.
struct File {
    std::string bytes;
    std::size_t largest = 0;

    Result<std::optional<std::string>> note_of() {
        const auto parts = [this](std::uint64_t offset, std::size_t size) -> Result<std::string> {
            largest = std::max(largest, size);
            return offset < bytes.size() ? bytes.substr(offset, size) : std::string();
        };
        return elf_note_by_parts(parts, section, owner);
    }
};

Result<ElfLibrary> library_of(const std::string& bytes) {
    return elf_library_by_parts([&](std::uint64_t offset, std::size_t size) -> Result<std::string> {
        CHECK(size <= 65536);
        return offset < bytes.size() ? bytes.substr(offset, size) : std::string();
    });
}

} // namespace

TEST_CASE("a partial read gives machine and SONAME") {
    using Machine = ElfSketch::Machine;
    for (const auto machine : {Machine::native, Machine::native32, Machine::other}) {
        const auto bytes = elf_file({.machine = machine, .soname = "libcuda.so.1"});
        const auto library = library_of(bytes);
        const auto facts = read_elf(bytes);
        REQUIRE(library);
        CHECK(library->machine == facts->machine);
        CHECK(library->soname == "libcuda.so.1");
    }
    CHECK(library_of(elf_file({}))->soname.empty());
}

TEST_CASE("a cut file has no SONAME by parts") {
    const auto bytes = elf_file({.soname = "libcuda.so.1"});
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        const auto library = library_of(bytes.substr(0, size));
        CHECK((!library || library->soname.empty() || library->soname == "libcuda.so.1"));
    }
    CHECK_FALSE(library_of("#!/bin/sh\n"));
}

TEST_CASE("a note is found by parts as whole") {
    CHECK(File{elf_file({.soname = "libcuda.so.1", .note = note})}.note_of() == note);
    CHECK(File{elf_file({.soname = "libcuda.so.1"})}.note_of() == std::nullopt);
    CHECK(File{elf_file({.note = note, .note_section = ".note"})}.note_of() == std::nullopt);
    CHECK(File{elf_file({.note = note, .note_owner = "Other"})}.note_of() == std::nullopt);
}

TEST_CASE("a file of another machine is refused") {
    for (const auto machine : {ElfSketch::Machine::native32, ElfSketch::Machine::other})
        CHECK(contains(error_of(File{elf_file({.machine = machine, .note = note})}.note_of()),
                       "not an ELF file of this machine"));
    CHECK(contains(error_of(File{std::string(100, 'x')}.note_of()), "not an ELF file"));
    CHECK(contains(error_of(File{""}.note_of()), "cut off"));
}

TEST_CASE("a cut file never gives a wrong note") {
    const auto whole = elf_file({.soname = "libcuda.so.1", .note = note});
    for (std::size_t length = 0; length < whole.size(); ++length) {
        CAPTURE(length);
        const auto found = File{whole.substr(0, length)}.note_of();
        if (found)
            CHECK((*found == std::nullopt || **found == note));
    }
}

TEST_CASE("any wrong byte is harmless by parts") {
    const auto whole = elf_file({.soname = "libcuda.so.1", .note = note});
    for (std::size_t at = 0; at < whole.size(); ++at)
        for (const char wrong : {'\0', '\x01', '\x7f', '\x80', '\xff'}) {
            File file{whole};
            file.bytes[at] = wrong;
            const auto found = file.note_of();
            CHECK(file.largest <= 65536);
            if (found && *found)
                CHECK((*found)->size() <= 65536);
        }
}

TEST_CASE("offsets that overflow lead nowhere") {
    for (const std::uint64_t offset : {~std::uint64_t{0}, ~std::uint64_t{0} - 63,
                                       std::uint64_t{1} << 63, std::uint64_t{1} << 40}) {
        File file{elf_file({.soname = "libcuda.so.1", .note = note})};
        std::memcpy(file.bytes.data() + offsetof(Elf64_Ehdr, e_shoff), &offset, sizeof offset);
        CHECK(contains(error_of(file.note_of()), "cut off"));
    }
}
