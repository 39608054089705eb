// SPDX-License-Identifier: Apache-2.0
// The few facts about an ELF file that the inventory needs (elf(5)). Every offset and size is
// checked against the file: a damaged file is an error, never a wild read.
#pragma once

#include "base/result.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace grapnel {

struct ElfFacts {
    enum class Machine { native, native32, other };
    Machine machine = Machine::other;
    std::string soname = {}; ///< DT_SONAME; empty if there is none

    bool operator==(const ElfFacts&) const = default;
};

/// `file` is the whole file. Both classes are read, in the byte order of this machine.
[[nodiscard]] Result<ElfFacts> read_elf(std::string_view file);

/// The description of the first note with that owner in the section of that name.
[[nodiscard]] std::optional<std::string_view>
elf_note(std::string_view file, std::string_view section, std::string_view owner);

} // namespace grapnel
