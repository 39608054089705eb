// SPDX-License-Identifier: Apache-2.0
#include "elf/ld_cache.hpp"

#include "elf/read_at.hpp"

#include <algorithm>
#include <climits>
#include <cstring>
#include <optional>

namespace grapnel {

namespace {

using Machine = LdCacheEntry::Machine;

constexpr std::string_view old_magic = "ld.so-1.7.0";
constexpr std::string_view new_magic = "glibc-ld.so.cache1.1";
constexpr std::uint32_t extension_magic = 0xeaa42174;
constexpr std::uint8_t byte_order_mask = 3;
constexpr std::uint8_t little_endian = 2;

struct OldHeader {
    char magic[12]; // 11 and padding
    std::uint32_t count;
};
struct OldEntry {
    std::int32_t flags;
    std::uint32_t key;
    std::uint32_t value;
};
struct NewHeader { // every offset counts from its start
    char magic[20];
    std::uint32_t count;
    std::uint32_t strings_size;
    std::uint8_t byte_order;
    std::uint8_t padding[3];
    std::uint32_t extension_offset;
    std::uint32_t unused[3];
};
struct NewEntry {
    std::uint32_t flags;
    std::uint32_t key;
    std::uint32_t value;
    std::uint32_t os_version;
    std::uint64_t hwcap;
};
struct ExtensionHeader {
    std::uint32_t magic;
    std::uint32_t count;
};
struct Section {
    enum Tag : std::uint32_t { generator, hwcap_names };
    std::uint32_t tag;
    std::uint32_t flags;
    std::uint32_t offset;
    std::uint32_t size;
};
static_assert(sizeof(NewHeader) == 48 && sizeof(NewEntry) == 24 && sizeof(OldEntry) == 12
              && sizeof(Section) == 16);

constexpr std::uint32_t elf_libc6 = 0x0003;
constexpr std::uint32_t type_mask = 0x00ff;
constexpr std::uint32_t machine_mask = 0xff00;
#if defined(__x86_64__)
constexpr std::uint32_t native = 0x0300;
constexpr std::uint32_t native32 = 0x0000;
#else
constexpr std::uint32_t native = 0x0a00;
constexpr std::uint32_t native32 = 0x0900;
#endif

constexpr std::size_t aligned(std::size_t size, std::size_t alignment) {
    return (size + alignment - 1) / alignment * alignment;
}

/// The part of the file that holds the new format.
Result<std::string_view> new_block(std::string_view file) {
    if (file.starts_with(new_magic))
        return file;
    const auto old = read_at<OldHeader>(file, 0);
    if (!old || !file.starts_with(old_magic))
        return refused("not an ld.so.cache");
    // the new header is aligned as its widest member is
    const auto start =
        aligned(sizeof(OldHeader) + std::size_t{old->count} * sizeof(OldEntry), alignof(NewEntry));
    if (start > file.size() || !file.substr(start).starts_with(new_magic))
        return refused("an ld.so.cache without entries of format 1.1");
    return file.substr(start);
}

class Parser {
  public:
    explicit Parser(std::string_view block) : block_(block), text_left_(4 * block.size()) {}

    Result<LdCacheFile> parse() {
        const auto header = read_at<NewHeader>(block_, 0);
        if (!header || (block_.size() - sizeof(NewHeader)) / sizeof(NewEntry) < header->count)
            return refused("an ld.so.cache that is cut off");
        const auto order = header->byte_order & byte_order_mask;
        if (order != 0 && order != little_endian)
            return refused("an ld.so.cache in the byte order of another machine");
        found_.byte_order = header->byte_order;
        GRAPNEL_TRY(read_entries(header->count));
        if (header->extension_offset != 0)
            GRAPNEL_TRY(read_extension(header->extension_offset));
        return std::move(found_);
    }

  private:
    /// Entries can share names, and name the same long one a million times: ldconfig lets a name
    /// be the end of a path, and nothing else.
    std::optional<std::string_view> text_at(std::uint32_t offset) {
        if (offset >= block_.size())
            return std::nullopt;
        const auto rest = block_.substr(offset, PATH_MAX);
        const auto end = rest.find('\0');
        if (end == std::string_view::npos || end + 1 > text_left_)
            return std::nullopt;
        text_left_ -= end + 1;
        return rest.substr(0, end);
    }

    Status read_entries(std::uint32_t count) {
        found_.entries.reserve(count);
        for (std::uint32_t i = 0; i < count; ++i) {
            const auto entry =
                *read_at<NewEntry>(block_, sizeof(NewHeader) + std::uint64_t{i} * sizeof(NewEntry));
            const auto soname = text_at(entry.key);
            const auto path = text_at(entry.value);
            if (!soname || !path)
                return refused("an ld.so.cache with a name outside the file");
            found_.entries.push_back({entry.flags, *soname, *path, entry.os_version, entry.hwcap});
        }
        return {};
    }

    Status read_extension(std::uint32_t offset) {
        const auto wrong = refused("an ld.so.cache with a wrong extension");
        const auto header = read_at<ExtensionHeader>(block_, offset);
        if (!header || offset % alignof(ExtensionHeader) != 0 || header->magic != extension_magic)
            return wrong;
        found_.has_extension = true;
        std::uint64_t place = std::uint64_t{offset} + sizeof(ExtensionHeader);
        for (std::uint32_t i = 0; i < header->count; ++i, place += sizeof(Section)) {
            const auto section = read_at<Section>(block_, place);
            if (!section || section->offset > block_.size()
                || block_.size() - section->offset < section->size)
                return wrong;
            GRAPNEL_TRY(read_section(*section));
        }
        return {};
    }

    Status read_section(const Section& section) {
        switch (section.tag) {
        case Section::generator:
            found_.generator = block_.substr(section.offset, section.size);
            return {};
        case Section::hwcap_names:
            return read_hwcap_names(section);
        default:
            return refused("an ld.so.cache with an extension of an unknown kind");
        }
    }

    Status read_hwcap_names(const Section& section) {
        found_.hwcap_names.clear();
        for (std::uint32_t i = 0; i + sizeof(std::uint32_t) <= section.size;
             i += sizeof(std::uint32_t)) {
            const auto name =
                text_at(*read_at<std::uint32_t>(block_, std::uint64_t{section.offset} + i));
            if (!name)
                return refused("an ld.so.cache with a name outside the file");
            found_.hwcap_names.push_back(*name);
        }
        return {};
    }

    std::string_view block_;
    std::size_t text_left_;
    LdCacheFile found_ = {};
};

/// Strings with their offsets from the start of the file.
class Strings {
  public:
    explicit Strings(std::size_t start) : start_(start) {}

    std::uint32_t add(std::string_view text) {
        const auto offset = static_cast<std::uint32_t>(start_ + text_.size());
        text_.append(text).push_back('\0');
        return offset;
    }
    [[nodiscard]] const std::string& text() const { return text_; }

  private:
    std::size_t start_;
    std::string text_ = {};
};

template <typename T>
void append(std::string& out, const T& value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

std::string entry_table(const LdCacheFile& cache, Strings& strings) {
    std::string table;
    table.reserve(cache.entries.size() * sizeof(NewEntry));
    for (const auto& entry : cache.entries) {
        const auto value = strings.add(entry.path);
        const bool ends_path = entry.path.ends_with(entry.soname);
        const auto key =
            ends_path ? value + static_cast<std::uint32_t>(entry.path.size() - entry.soname.size())
                      : strings.add(entry.soname);
        append(table, NewEntry{entry.flags, key, value, entry.os_version, entry.hwcap});
    }
    return table;
}

/// `offset` is its own, `names` are the offsets of the names of hwcaps.
std::string extension(const LdCacheFile& cache, std::size_t offset,
                      const std::vector<std::uint32_t>& names) {
    const std::uint32_t count = names.empty() ? 1 : 2;
    const auto names_at = offset + sizeof(ExtensionHeader) + count * sizeof(Section);
    const auto names_size = names.size() * sizeof(std::uint32_t);
    std::string out;
    append(out, ExtensionHeader{extension_magic, count});
    append(out, Section{Section::generator, 0, static_cast<std::uint32_t>(names_at + names_size),
                        static_cast<std::uint32_t>(cache.generator.size())});
    if (!names.empty())
        append(out, Section{Section::hwcap_names, 0, static_cast<std::uint32_t>(names_at),
                            static_cast<std::uint32_t>(names_size)});
    for (const auto name : names)
        append(out, name);
    return out.append(cache.generator);
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// The number that `text` begins with, which is taken off it. It wraps, as glibc's int does.
std::uint32_t take_number(std::string_view& text) {
    std::uint32_t number = 0;
    for (; !text.empty() && is_digit(text.front()); text.remove_prefix(1))
        number = number * 10 + static_cast<std::uint32_t>(text.front() - '0');
    return number;
}

} // namespace

Machine LdCacheEntry::machine() const {
    if ((flags & type_mask) != elf_libc6)
        return Machine::other;
    if ((flags & machine_mask) == native)
        return Machine::native;
    return (flags & machine_mask) == native32 ? Machine::native32 : Machine::other;
}

std::uint32_t ld_cache_flags(Machine machine) {
    return elf_libc6 | (machine == Machine::native32 ? native32 : native);
}

bool is_ld_cache(std::string_view file) {
    return file.starts_with(new_magic) || file.starts_with(old_magic);
}

Result<LdCacheFile> parse_ld_cache(std::string_view file) {
    return Parser(GRAPNEL_TRY(new_block(file))).parse();
}

std::string write_ld_cache(const LdCacheFile& cache) {
    Strings strings(sizeof(NewHeader) + cache.entries.size() * sizeof(NewEntry));
    const auto table = entry_table(cache, strings);
    std::vector<std::uint32_t> names;
    for (const auto name : cache.hwcap_names)
        names.push_back(strings.add(name));
    NewHeader header{};
    header.count = static_cast<std::uint32_t>(cache.entries.size());
    header.strings_size = static_cast<std::uint32_t>(strings.text().size());
    header.byte_order = cache.byte_order;
    std::memcpy(header.magic, new_magic.data(), sizeof header.magic);
    const auto end = sizeof header + table.size() + strings.text().size();
    const auto extension_at = aligned(end, alignof(ExtensionHeader));
    if (cache.has_extension)
        header.extension_offset = static_cast<std::uint32_t>(extension_at);
    std::string out;
    out.reserve(extension_at + 256);
    append(out, header);
    out.append(table).append(strings.text());
    if (!cache.has_extension)
        return out;
    out.resize(extension_at, '\0');
    return out.append(extension(cache, extension_at, names));
}

int compare_ld_names(std::string_view one, std::string_view other) {
    while (!one.empty() && !other.empty()) {
        const bool digit = is_digit(one.front());
        if (digit != is_digit(other.front()))
            return digit ? 1 : -1;
        if (digit) {
            const auto difference =
                static_cast<std::int32_t>(take_number(one) - take_number(other));
            if (difference != 0)
                return difference;
            continue;
        }
        if (one.front() != other.front())
            return one.front() - other.front();
        one.remove_prefix(1);
        other.remove_prefix(1);
    }
    if (other.empty())
        return one.empty() ? 0 : is_digit(one.front()) ? 1 : one.front();
    return is_digit(other.front()) ? -1 : -other.front();
}

bool is_sorted(const LdCacheFile& cache) {
    return std::ranges::is_sorted(
        cache.entries, [](auto one, auto other) { return compare_ld_names(one, other) > 0; },
        &LdCacheEntry::soname);
}

} // namespace grapnel
