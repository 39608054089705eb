// SPDX-License-Identifier: Apache-2.0
#include "support/elf_file.hpp"

#include <array>
#include <cstdint>
#include <cstring>
#include <elf.h>
#include <vector>

namespace grapnel::test {

namespace {

/// Where the file is loaded, in two segments: the headers, and further up everything else. So an
/// address is no file offset by chance.
constexpr std::uint32_t load_address = 0x400000;
constexpr std::uint32_t gap = 0x1000;

struct Class64 {
    using Ehdr = Elf64_Ehdr;
    using Phdr = Elf64_Phdr;
    using Shdr = Elf64_Shdr;
    using Dyn = Elf64_Dyn;
    static constexpr unsigned char number = ELFCLASS64;
};
struct Class32 {
    using Ehdr = Elf32_Ehdr;
    using Phdr = Elf32_Phdr;
    using Shdr = Elf32_Shdr;
    using Dyn = Elf32_Dyn;
    static constexpr unsigned char number = ELFCLASS32;
};

template <typename T>
void append(std::string& file, const T& value) {
    file.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void pad(std::string& file, std::size_t alignment) {
    while (file.size() % alignment != 0)
        file += '\0';
}

template <typename T>
void put(std::string& file, std::size_t offset, const T& value) {
    std::memcpy(file.data() + offset, &value, sizeof value);
}

std::string note_bytes(const ElfSketch& sketch) {
    std::string note;
    append(note, Elf64_Nhdr{.n_namesz = static_cast<Elf64_Word>(sketch.note_owner.size() + 1),
                            .n_descsz = static_cast<Elf64_Word>(sketch.note.size()),
                            .n_type = 1});
    note += sketch.note_owner + '\0';
    pad(note, 4);
    note += sketch.note;
    pad(note, 4);
    return note;
}

struct Piece {
    std::size_t offset = 0;
    std::size_t size = 0;
};

Piece append_piece(std::string& file, const std::string& bytes) {
    pad(file, 8);
    const Piece piece{file.size(), bytes.size()};
    file += bytes;
    return piece;
}

/// In the order in which dynamic_bytes() counts them.
std::string string_table(const ElfSketch& sketch) {
    std::string table = '\0' + sketch.soname + '\0';
    for (const auto& name : sketch.needed)
        table += name + '\0';
    return table + sketch.run_path + '\0';
}

template <typename Class>
std::string dynamic_bytes(const ElfSketch& sketch, std::size_t strings_at) {
    using Dyn = typename Class::Dyn;
    std::string bytes;
    const auto entry = [&](auto tag, std::size_t value) {
        Dyn dyn{};
        dyn.d_tag = static_cast<decltype(dyn.d_tag)>(tag);
        dyn.d_un.d_val = static_cast<decltype(dyn.d_un.d_val)>(value);
        append(bytes, dyn);
    };
    if (!sketch.soname.empty())
        entry(DT_SONAME, 1);
    auto string_at = sketch.soname.size() + 2;
    for (const auto& name : sketch.needed) {
        entry(DT_NEEDED, string_at);
        string_at += name.size() + 1;
    }
    if (!sketch.run_path.empty())
        entry(DT_RUNPATH, string_at);
    entry(DT_STRTAB, strings_at + load_address + gap);
    entry(DT_NULL, 0);
    return bytes;
}

template <typename Class>
typename Class::Shdr section(std::size_t name, unsigned type, const Piece& piece) {
    typename Class::Shdr header{};
    header.sh_name = static_cast<decltype(header.sh_name)>(name);
    header.sh_type = type;
    header.sh_offset = static_cast<decltype(header.sh_offset)>(piece.offset);
    header.sh_size = static_cast<decltype(header.sh_size)>(piece.size);
    return header;
}

/// The section headers and their names, at the end of the file. Returns where they begin.
template <typename Class>
std::size_t append_sections(std::string& file, const ElfSketch& sketch, const Piece& note) {
    std::string names(1, '\0');
    const auto note_name = names.size();
    names += sketch.note_section + '\0';
    const auto names_name = names.size();
    names += std::string(".shstrtab") + '\0';
    const auto names_piece = append_piece(file, names);
    pad(file, 8);
    const auto start = file.size();
    append(file, section<Class>(0, SHT_NULL, {}));
    append(file, section<Class>(note_name, SHT_NOTE, note));
    append(file, section<Class>(names_name, SHT_STRTAB, names_piece));
    return start;
}

template <typename Class>
typename Class::Phdr segment(unsigned type, const Piece& piece, std::size_t address) {
    typename Class::Phdr header{};
    header.p_type = type;
    header.p_offset = static_cast<decltype(header.p_offset)>(piece.offset);
    header.p_vaddr = static_cast<decltype(header.p_vaddr)>(address);
    header.p_filesz = static_cast<decltype(header.p_filesz)>(piece.size);
    header.p_memsz = header.p_filesz;
    return header;
}

template <typename Class>
std::string build(const ElfSketch& sketch, unsigned machine) {
    typename Class::Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = Class::number;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_DYN;
    header.e_machine = static_cast<Elf64_Half>(machine);
    header.e_phoff = sizeof header;
    header.e_phnum = 4;
    header.e_phentsize = sizeof(typename Class::Phdr);
    header.e_shentsize = sizeof(typename Class::Shdr);
    header.e_shstrndx = 2;
    header.e_shnum = 3;

    using Phdr = typename Class::Phdr;
    std::string file(sizeof header + 4 * sizeof(Phdr), '\0');
    const Piece headers{0, file.size()};
    const auto strings = append_piece(file, string_table(sketch));
    const auto dynamic = append_piece(file, dynamic_bytes<Class>(sketch, strings.offset));
    const auto interpreter = append_piece(file, sketch.interpreter + '\0');
    const auto note = sketch.note.empty() ? Piece{} : append_piece(file, note_bytes(sketch));
    header.e_shoff =
        static_cast<decltype(header.e_shoff)>(append_sections<Class>(file, sketch, note));
    put(file, 0, header);
    const Piece rest{headers.size, file.size() - headers.size};
    const auto loaded = [](const Piece& piece) { return piece.offset + load_address + gap; };
    const std::array<Phdr, 4> segments{
        segment<Class>(PT_LOAD, headers, load_address), segment<Class>(PT_LOAD, rest, loaded(rest)),
        segment<Class>(PT_DYNAMIC, dynamic, loaded(dynamic)),
        segment<Class>(sketch.interpreter.empty() ? PT_NULL : PT_INTERP, interpreter,
                       loaded(interpreter))};
    put(file, sizeof header, segments);
    return file;
}

} // namespace

std::string elf_file(const ElfSketch& sketch) {
#if defined(__x86_64__)
    constexpr unsigned native = EM_X86_64;
    constexpr unsigned native32 = EM_386;
#else
    constexpr unsigned native = EM_AARCH64;
    constexpr unsigned native32 = EM_ARM;
#endif
    switch (sketch.machine) {
    case ElfSketch::Machine::native:
        return build<Class64>(sketch, native);
    case ElfSketch::Machine::native32:
        return build<Class32>(sketch, native32);
    case ElfSketch::Machine::other:
        break;
    }
    return build<Class64>(sketch, EM_RISCV);
}

} // namespace grapnel::test
