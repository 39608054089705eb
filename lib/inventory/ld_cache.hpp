// SPDX-License-Identifier: Apache-2.0
// The host's ld.so.cache, as ldconfig(8) writes it: glibc's format 1.1, alone or behind a block
// of the old format (glibc, sysdeps/generic/dl-cache.h and elf/cache.c).
#pragma once

#include "base/result.hpp"

#include <string_view>
#include <vector>

namespace grapnel {

struct LdCacheEntry {
    enum class Machine { native, native32, other };
    Machine machine = Machine::other;
    std::string_view soname = {}; ///< the name that the loader looks up
    std::string_view path = {};
};

/// The entries, in the order of the file; the views point into `file`. A file that is not a
/// cache, or whose tables lie outside it, is refused.
[[nodiscard]] Result<std::vector<LdCacheEntry>> parse_ld_cache(std::string_view file);

} // namespace grapnel
