// SPDX-License-Identifier: Apache-2.0
// An ld.so.cache, as ldconfig(8) writes it: glibc's format 1.1, alone or behind a block of the old
// format (glibc: sysdeps/generic/dl-cache.h, elf/cache.c, elf/dl-cache.c).
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel {

struct LdCacheEntry {
    enum class Machine { native, native32, other };

    std::uint32_t flags = 0;      ///< ABI of the library
    std::string_view soname = {}; ///< the name that the loader looks up
    std::string_view path = {};
    std::uint32_t os_version = 0;
    std::uint64_t hwcap = 0; ///< 0: for every CPU

    [[nodiscard]] Machine machine() const;

    bool operator==(const LdCacheEntry&) const = default;
};

/// The flags that ldconfig gives to a library of that machine.
[[nodiscard]] std::uint32_t ld_cache_flags(LdCacheEntry::Machine machine);

/// The views point into the file that was parsed.
struct LdCacheFile {
    std::vector<LdCacheEntry> entries = {}; ///< in the order of the file
    std::uint8_t byte_order = 0;            ///< of the header: 0 before glibc 2.33
    bool has_extension = false;             ///< since glibc 2.33, with the next two
    std::string_view generator = {};
    std::vector<std::string_view> hwcap_names =
        {}; ///< glibc-hwcaps: LdCacheEntry::hwcap counts them

    bool operator==(const LdCacheFile&) const = default;
};

/// Whether a loader takes the file for a cache at all.
[[nodiscard]] bool is_ld_cache(std::string_view file);

/// Refuses a file that is not a cache, has tables or names outside it or an extension of an unknown
/// kind. The work is bounded by the size of the file, whatever its tables say. Old entries in front
/// are passed over: since glibc 2.2 no loader reads them.
[[nodiscard]] Result<LdCacheFile> parse_ld_cache(std::string_view file);

/// The file that parses to the same, in the new format alone.
[[nodiscard]] std::string write_ld_cache(const LdCacheFile& cache);

/// The order of names in a cache (glibc: _dl_cache_libcmp): digits compare as numbers. The file
/// has them in descending order.
[[nodiscard]] int compare_ld_names(std::string_view one, std::string_view other);

/// Whether the loader's binary search finds every name.
[[nodiscard]] bool is_sorted(const LdCacheFile& cache);

} // namespace grapnel
