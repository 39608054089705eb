// SPDX-License-Identifier: Apache-2.0
#include "elf/elf.hpp"

#include "elf/read_at.hpp"

#include <algorithm>
#include <cstdint>
#include <elf.h>

namespace grapnel {

namespace {

#if defined(__x86_64__)
constexpr auto native_machine = EM_X86_64;
constexpr auto native32_machine = EM_386;
#elif defined(__aarch64__)
constexpr auto native_machine = EM_AARCH64;
constexpr auto native32_machine = EM_ARM;
#else
#error "the NVIDIA driver exists for x86_64 and aarch64"
#endif

constexpr std::uint64_t part_limit = 65536;

struct Class64 {
    using Ehdr = Elf64_Ehdr;
    using Phdr = Elf64_Phdr;
    using Shdr = Elf64_Shdr;
    using Dyn = Elf64_Dyn;
};
struct Class32 {
    using Ehdr = Elf32_Ehdr;
    using Phdr = Elf32_Phdr;
    using Shdr = Elf32_Shdr;
    using Dyn = Elf32_Dyn;
};

std::optional<std::string_view> slice(std::string_view file, std::uint64_t offset,
                                      std::uint64_t size) {
    if (offset > file.size() || file.size() - offset < size)
        return std::nullopt;
    return file.substr(offset, size);
}

/// The text at `offset` that ends with a NUL byte inside `strings`.
std::optional<std::string_view> text_at(std::string_view strings, std::uint64_t offset) {
    if (offset >= strings.size())
        return std::nullopt;
    const auto end = strings.find('\0', offset);
    if (end == std::string_view::npos)
        return std::nullopt;
    return strings.substr(offset, end - offset);
}

/// The file offset of a virtual address, by the PT_LOAD segment that covers it.
template <typename Class>
std::optional<std::uint64_t> file_offset(std::string_view file, const typename Class::Ehdr& header,
                                         std::uint64_t address) {
    for (std::uint64_t i = 0; i < header.e_phnum; ++i) {
        const auto segment =
            read_at<typename Class::Phdr>(file, header.e_phoff + i * sizeof(typename Class::Phdr));
        if (segment && segment->p_type == PT_LOAD && address >= segment->p_vaddr
            && address - segment->p_vaddr < segment->p_filesz)
            return segment->p_offset + (address - segment->p_vaddr);
    }
    return std::nullopt;
}

template <typename Class>
std::optional<typename Class::Phdr>
segment_of_type(std::string_view file, const typename Class::Ehdr& header, std::uint32_t type) {
    for (std::uint64_t i = 0; i < header.e_phnum; ++i) {
        const auto segment =
            read_at<typename Class::Phdr>(file, header.e_phoff + i * sizeof(typename Class::Phdr));
        if (segment && segment->p_type == type)
            return segment;
    }
    return std::nullopt;
}

/// The entries of the dynamic section up to DT_NULL.
template <typename Class>
std::vector<typename Class::Dyn> dynamic_entries(std::string_view file,
                                                 const typename Class::Ehdr& header) {
    using Dyn = typename Class::Dyn;
    constexpr std::uint64_t most = 4096;
    std::vector<Dyn> out;
    const auto dynamic = segment_of_type<Class>(file, header, PT_DYNAMIC);
    if (!dynamic)
        return out;
    const auto count = std::min<std::uint64_t>(dynamic->p_filesz / sizeof(Dyn), most);
    for (std::uint64_t i = 0; i < count; ++i) {
        const auto entry = read_at<Dyn>(file, dynamic->p_offset + i * sizeof(Dyn));
        if (!entry || entry->d_tag == DT_NULL)
            break;
        out.push_back(*entry);
    }
    return out;
}

/// Adds the names and paths that the dynamic section holds, as far as they can be read.
template <typename Class>
void read_dynamic(std::string_view file, const typename Class::Ehdr& header, ElfFacts& facts) {
    constexpr std::size_t most_needed = 256;
    constexpr std::size_t longest_name = 255;
    const auto entries = dynamic_entries<Class>(file, header);
    std::optional<std::uint64_t> strings;
    for (const auto& entry : entries)
        if (entry.d_tag == DT_STRTAB)
            strings = file_offset<Class>(file, header, entry.d_un.d_ptr);
    if (!strings || *strings > file.size())
        return;
    const auto text = [&](const auto& entry) {
        return text_at(file.substr(*strings), entry.d_un.d_val).value_or("");
    };
    for (const auto& entry : entries) {
        if (entry.d_tag == DT_SONAME)
            facts.soname = text(entry);
        else if (entry.d_tag == DT_RUNPATH || (entry.d_tag == DT_RPATH && facts.run_path.empty()))
            facts.run_path = text(entry).substr(0, part_limit);
        else if (entry.d_tag == DT_NEEDED && facts.needed.size() < most_needed)
            if (const auto name = text(entry); !name.empty() && name.size() <= longest_name)
                facts.needed.emplace_back(name);
    }
}

template <typename Class>
std::string interpreter(std::string_view file, const typename Class::Ehdr& header) {
    const auto segment = segment_of_type<Class>(file, header, PT_INTERP);
    const auto text = segment ? slice(file, segment->p_offset, segment->p_filesz) : std::nullopt;
    return std::string(text_at(text.value_or(""), 0).value_or("").substr(0, part_limit));
}

template <typename Class>
std::optional<std::string_view> section(std::string_view file, std::string_view wanted) {
    using Shdr = typename Class::Shdr;
    const auto header = read_at<typename Class::Ehdr>(file, 0);
    if (!header)
        return std::nullopt;
    const auto names_header =
        read_at<Shdr>(file, header->e_shoff + header->e_shstrndx * sizeof(Shdr));
    const auto names =
        names_header ? slice(file, names_header->sh_offset, names_header->sh_size) : std::nullopt;
    if (!names)
        return std::nullopt;
    for (std::uint64_t i = 0; i < header->e_shnum; ++i) {
        const auto candidate = read_at<Shdr>(file, header->e_shoff + i * sizeof(Shdr));
        if (candidate && text_at(*names, candidate->sh_name) == wanted)
            return slice(file, candidate->sh_offset, candidate->sh_size);
    }
    return std::nullopt;
}

constexpr std::uint64_t padded(std::uint64_t size) {
    return (size + 3) & ~std::uint64_t{3};
}

/// The description of the first note with that owner in the content of a section.
std::optional<std::string_view> note_of(std::string_view content, std::string_view owner) {
    std::optional<std::string_view> notes = content;
    while (notes) {
        const auto header = read_at<Elf64_Nhdr>(*notes, 0); // the same layout in both classes
        if (!header)
            return std::nullopt;
        const auto name = slice(*notes, sizeof *header, header->n_namesz);
        const auto description_at = sizeof *header + padded(header->n_namesz);
        const auto description = slice(*notes, description_at, header->n_descsz);
        if (!name || !description)
            return std::nullopt;
        if (name->substr(0, name->find('\0')) == owner)
            return description;
        notes = slice(*notes, description_at + padded(header->n_descsz),
                      notes->size()
                          - std::min<std::uint64_t>(notes->size(),
                                                    description_at + padded(header->n_descsz)));
    }
    return std::nullopt;
}

/// All of a part, or an error.
Result<std::string> whole_part(const ElfParts& file, std::uint64_t offset, std::uint64_t size) {
    if (size > part_limit)
        return refused("a part of the ELF file is longer than 64 KiB");
    auto part = GRAPNEL_TRY(file(offset, static_cast<std::size_t>(size)));
    if (part.size() < size)
        return refused("the ELF file is cut off");
    return part;
}

ElfFacts::Machine machine_of(std::uint16_t number) {
    switch (number) {
    case native_machine:
        return ElfFacts::Machine::native;
    case native32_machine:
        return ElfFacts::Machine::native32;
    default:
        return ElfFacts::Machine::other;
    }
}

constexpr auto no_header = "the ELF header is cut off";

/// `address` is that of DT_STRTAB, `name` the offset of DT_SONAME in it.
struct SonamePlace {
    std::optional<std::uint64_t> address = {};
    std::optional<std::uint64_t> name = {};
};

template <typename Class>
SonamePlace find_soname(std::string_view dynamic) {
    using Dyn = typename Class::Dyn;
    SonamePlace place;
    for (std::uint64_t offset = 0; const auto entry = read_at<Dyn>(dynamic, offset);
         offset += sizeof(Dyn)) {
        if (entry->d_tag == DT_NULL)
            break;
        if (entry->d_tag == DT_STRTAB)
            place.address = entry->d_un.d_ptr;
        if (entry->d_tag == DT_SONAME)
            place.name = entry->d_un.d_val;
    }
    return place;
}

/// `start` is the beginning of the file.
template <typename Class>
Result<ElfLibrary> library_of(const ElfParts& file, std::string_view start) {
    using Phdr = typename Class::Phdr;
    constexpr std::size_t longest_name = 256;
    auto header = read_at<typename Class::Ehdr>(start, 0);
    if (!header)
        return refused(no_header);
    ElfLibrary library{.machine = machine_of(header->e_machine)};
    const auto table =
        GRAPNEL_TRY(whole_part(file, header->e_phoff, header->e_phnum * sizeof(Phdr)));
    header->e_phoff = 0; // in `table`
    const auto dynamic = segment_of_type<Class>(table, *header, PT_DYNAMIC);
    if (!dynamic)
        return library;
    const auto entries = GRAPNEL_TRY(whole_part(file, dynamic->p_offset, dynamic->p_filesz));
    const auto place = find_soname<Class>(entries);
    if (!place.address || !place.name)
        return library;
    const auto strings = file_offset<Class>(table, *header, *place.address);
    if (!strings)
        return refused("the ELF file has no place for its strings");
    const auto text = GRAPNEL_TRY(file(*strings + *place.name, longest_name));
    library.soname = text_at(text, 0).value_or("");
    return library;
}

template <typename Class>
Result<ElfFacts> facts_of(std::string_view file) {
    const auto header = read_at<typename Class::Ehdr>(file, 0);
    if (!header)
        return refused(no_header);
    ElfFacts facts{.machine = machine_of(header->e_machine),
                   .interpreter = interpreter<Class>(file, *header)};
    read_dynamic<Class>(file, *header, facts);
    return facts;
}

} // namespace

namespace {

Result<unsigned char> class_of(std::string_view file) {
    if (file.size() < EI_NIDENT || !file.starts_with(ELFMAG))
        return refused("not an ELF file");
    const auto found = static_cast<unsigned char>(file[EI_CLASS]);
    if (found != ELFCLASS64 && found != ELFCLASS32)
        return refused("an ELF file of an unknown class");
    return found;
}

} // namespace

Result<ElfFacts> read_elf(std::string_view file) {
    return GRAPNEL_TRY(class_of(file)) == ELFCLASS64 ? facts_of<Class64>(file)
                                                     : facts_of<Class32>(file);
}

Result<ElfLibrary> elf_library_by_parts(const ElfParts& file) {
    const auto start = GRAPNEL_TRY(file(0, sizeof(Elf64_Ehdr)));
    return GRAPNEL_TRY(class_of(start)) == ELFCLASS64 ? library_of<Class64>(file, start)
                                                      : library_of<Class32>(file, start);
}

std::optional<std::string_view> elf_note(std::string_view file, std::string_view section_name,
                                         std::string_view owner) {
    if (file.size() < EI_NIDENT || !file.starts_with(ELFMAG))
        return std::nullopt;
    const auto content = file[EI_CLASS] == ELFCLASS64 ? section<Class64>(file, section_name)
                                                      : section<Class32>(file, section_name);
    return content ? note_of(*content, owner) : std::nullopt;
}

/// GCC 12 warns where this is inlined: it takes the string's own few bytes for all of it.
[[gnu::noinline]] static std::optional<Elf64_Ehdr> file_header(std::string_view start) {
    return read_at<Elf64_Ehdr>(start, 0);
}

Result<std::optional<std::string>>
elf_note_by_parts(const ElfParts& file, std::string_view section_name, std::string_view owner) {
    using Note = std::optional<std::string>;
    const auto start = GRAPNEL_TRY(whole_part(file, 0, sizeof(Elf64_Ehdr)));
    const auto header = file_header(start);
    if (!header || !start.starts_with(ELFMAG) || start[EI_CLASS] != ELFCLASS64
        || header->e_machine != native_machine)
        return refused("not an ELF file of this machine");
    if (header->e_shnum == 0)
        return Note(); // stripped of its section headers
    const auto table =
        GRAPNEL_TRY(whole_part(file, header->e_shoff, header->e_shnum * sizeof(Elf64_Shdr)));
    const auto names_header = read_at<Elf64_Shdr>(table, header->e_shstrndx * sizeof(Elf64_Shdr));
    if (!names_header)
        return refused("the ELF file has no names for its sections");
    const auto names =
        GRAPNEL_TRY(whole_part(file, names_header->sh_offset, names_header->sh_size));
    for (std::uint64_t i = 0; i < header->e_shnum; ++i) {
        const auto candidate = read_at<Elf64_Shdr>(table, i * sizeof(Elf64_Shdr));
        if (!candidate || text_at(names, candidate->sh_name) != section_name)
            continue;
        const auto content =
            GRAPNEL_TRY(whole_part(file, candidate->sh_offset, candidate->sh_size));
        const auto note = note_of(content, owner);
        return note ? Note(*note) : Note();
    }
    return Note();
}

} // namespace grapnel
