// SPDX-License-Identifier: Apache-2.0
// The few facts about an ELF file that the inventory needs (elf(5)). Every offset and size is
// checked against the file: a damaged file is an error, never a wild read.
#pragma once

#include "base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel {

struct ElfFacts {
    enum class Machine { native, native32, other };
    Machine machine = Machine::other;
    std::string soname = {};              ///< DT_SONAME; empty if missing
    std::vector<std::string> needed = {}; ///< DT_NEEDED, at most 256 file names
    std::string run_path = {};            ///< DT_RUNPATH, else DT_RPATH
    std::string interpreter = {};         ///< PT_INTERP

    bool operator==(const ElfFacts&) const = default;
};

/// `file` is the whole file. Both classes are read, in the byte order of this machine.
[[nodiscard]] Result<ElfFacts> read_elf(std::string_view file);

/// The description of the first note with that owner in the section of that name.
[[nodiscard]] std::optional<std::string_view>
elf_note(std::string_view file, std::string_view section, std::string_view owner);

/// Reads at most `size` bytes of a file from `offset` on; fewer come back where it ends.
using ElfParts = std::function<Result<std::string>(std::uint64_t offset, std::size_t size)>;

/// The same for an untrusted file of any size: its header, its section headers and two of its
/// sections are read, 64 KiB of each at the most. Nothing if the file has no such note; an error if
/// it is not of this machine or does not keep what its headers promise.
[[nodiscard]] Result<std::optional<std::string>>
elf_note_by_parts(const ElfParts& file, std::string_view section, std::string_view owner);

struct ElfLibrary {
    ElfFacts::Machine machine = ElfFacts::Machine::other;
    std::string soname = {}; ///< DT_SONAME; empty if missing

    bool operator==(const ElfLibrary&) const = default;
};

/// The machine and SONAME of an untrusted file of any size, read like a note by parts. An error if
/// it is no ELF file or does not keep what its headers promise.
[[nodiscard]] Result<ElfLibrary> elf_library_by_parts(const ElfParts& file);

} // namespace grapnel
