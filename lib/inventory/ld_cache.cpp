// SPDX-License-Identifier: Apache-2.0
#include "inventory/ld_cache.hpp"

#include <cstdint>
#include <cstring>
#include <optional>

namespace grapnel {

namespace {

constexpr std::string_view old_magic = "ld.so-1.7.0";
constexpr std::string_view new_magic = "glibc-ld.so.cache1.1";

struct OldHeader {
    char magic[12]; // 11 and padding
    std::uint32_t count;
};
struct OldEntry {
    std::int32_t flags;
    std::uint32_t key;
    std::uint32_t value;
};
struct NewHeader {
    char magic[20];
    std::uint32_t count;
    std::uint32_t strings_size;
    std::uint8_t flags;
    std::uint8_t padding[3];
    std::uint32_t extension_offset;
    std::uint32_t unused[3];
};
struct NewEntry {
    std::int32_t flags;
    std::uint32_t key; // offsets from the start of the new header
    std::uint32_t value;
    std::uint32_t os_version;
    std::uint64_t hwcap;
};
static_assert(sizeof(NewHeader) == 48 && sizeof(NewEntry) == 24 && sizeof(OldEntry) == 12);

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

template <typename T>
std::optional<T> at(std::string_view file, std::uint64_t offset) {
    if (offset > file.size() || file.size() - offset < sizeof(T))
        return std::nullopt;
    T value{};
    std::memcpy(&value, file.data() + offset, sizeof value);
    return value;
}

std::optional<std::string_view> text_at(std::string_view block, std::uint32_t offset) {
    if (offset >= block.size())
        return std::nullopt;
    const auto end = block.find('\0', offset);
    if (end == std::string_view::npos)
        return std::nullopt;
    return block.substr(offset, end - offset);
}

/// The part of the file that holds the new format.
Result<std::string_view> new_block(std::string_view file) {
    if (file.starts_with(new_magic))
        return file;
    const auto old = at<OldHeader>(file, 0);
    if (!old || !file.starts_with(old_magic))
        return refused("not an ld.so.cache");
    // the new header is aligned as its widest member is
    const auto end = sizeof(OldHeader) + std::uint64_t{old->count} * sizeof(OldEntry);
    const auto start = (end + alignof(NewEntry) - 1) & ~std::uint64_t{alignof(NewEntry) - 1};
    if (start > file.size() || !file.substr(start).starts_with(new_magic))
        return refused("an ld.so.cache without entries of format 1.1");
    return file.substr(start);
}

LdCacheEntry::Machine machine_of(std::int32_t flags) {
    const auto bits = static_cast<std::uint32_t>(flags);
    if ((bits & type_mask) != elf_libc6)
        return LdCacheEntry::Machine::other;
    if ((bits & machine_mask) == native)
        return LdCacheEntry::Machine::native;
    return (bits & machine_mask) == native32 ? LdCacheEntry::Machine::native32
                                             : LdCacheEntry::Machine::other;
}

} // namespace

Result<std::vector<LdCacheEntry>> parse_ld_cache(std::string_view file) {
    const auto block = GRAPNEL_TRY(new_block(file));
    const auto header = at<NewHeader>(block, 0);
    if (!header || (block.size() - sizeof(NewHeader)) / sizeof(NewEntry) < header->count)
        return refused("an ld.so.cache that is cut off");
    std::vector<LdCacheEntry> entries;
    entries.reserve(header->count);
    for (std::uint32_t i = 0; i < header->count; ++i) {
        const auto entry = *at<NewEntry>(block, sizeof(NewHeader) + i * sizeof(NewEntry));
        const auto soname = text_at(block, entry.key);
        const auto path = text_at(block, entry.value);
        if (!soname || !path)
            return refused("an ld.so.cache with a name outside the file");
        entries.push_back({machine_of(entry.flags), *soname, *path});
    }
    return entries;
}

} // namespace grapnel
