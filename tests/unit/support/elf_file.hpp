// SPDX-License-Identifier: Apache-2.0
// Small ELF files, written byte by byte for tests: a header, a loaded segment, a dynamic section
// with a SONAME, and one note in a section of its own.
#pragma once

#include <string>
#include <vector>

namespace grapnel::test {

struct ElfSketch {
    enum class Machine { native, native32, other };
    Machine machine = Machine::native;
    std::string soname = {}; ///< empty: no DT_SONAME
    std::vector<std::string> needed = {};
    std::string run_path = {};
    std::string interpreter = {};
    std::string note = {}; ///< empty: no note
    std::string note_section = ".note.cuda.fwd_compatibility";
    std::string note_owner = "NVIDIA Corporation";
};

[[nodiscard]] std::string elf_file(const ElfSketch& sketch);

} // namespace grapnel::test
