// SPDX-License-Identifier: Apache-2.0
// Shared objects. Input: the file.
#include "elf/elf.hpp"
#include "fuzz.hpp"

#include <algorithm>
#include <array>
#include <utility>

using namespace grapnel;
using fuzz::expect;

namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 3> notes{{
    {".note.cuda.fwd_compatibility", "NVIDIA Corporation"},
    {".note.gnu.build-id", "GNU"},
    {"", ""},
}};

/// Reads from memory, in parts as small as the reader promises.
Result<std::string> part_of(std::string_view file, std::uint64_t offset, std::size_t size) {
    expect(size <= 65536, "a part is small");
    return std::string(file.substr(std::min<std::uint64_t>(offset, file.size()), size));
}

void check_library(std::string_view file) {
    const auto library = elf_library_by_parts(
        [&](std::uint64_t offset, std::size_t size) { return part_of(file, offset, size); });
    if (!library)
        return fuzz::expect_printable(library.error());
    expect(library->soname.size() < 256, "a SONAME is a short name");
    const auto facts = read_elf(file);
    expect(facts.has_value(), "a file with a library by parts is an ELF file");
    expect(facts->machine == library->machine, "a machine by parts is the file's");
}

/// By parts a file says what it says as a whole, or nothing.
void expect_same_by_parts(std::string_view file, std::string_view section, std::string_view owner) {
    const auto parts = [&](std::uint64_t offset, std::size_t size) {
        return part_of(file, offset, size);
    };
    const auto note = elf_note_by_parts(parts, section, owner);
    if (!note)
        fuzz::expect_printable(note.error());
    else if (*note)
        expect(**note == elf_note(file, section, owner), "a note by parts is the file's");
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto file = fuzz::as_text(data, size);
    const bool magic = file.starts_with("\177ELF");
    check_library(file);
    for (const auto& [section, owner] : notes) {
        expect_same_by_parts(file, section, owner);
        if (const auto note = elf_note(file, section, owner)) {
            expect(magic, "only an ELF file has notes");
            expect(note->data() >= file.data()
                       && note->data() + note->size() <= file.data() + file.size(),
                   "a note lies in the file");
        }
    }
    const auto facts = read_elf(file);
    if (!facts) {
        fuzz::expect_printable(facts.error());
        return 0;
    }
    expect(magic && size >= 52, "only a file with an ELF header is one");
    expect(facts->soname.find('\0') == std::string::npos, "a SONAME ends before a NUL byte");
    if (!facts->soname.empty())
        expect(file.find(facts->soname + std::string(1, '\0')) != std::string_view::npos,
               "a SONAME stands in the file");
    return 0;
}
