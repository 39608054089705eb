// SPDX-License-Identifier: Apache-2.0
// An ld.so.cache as ldconfig(8) writes it, for tests.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace grapnel::test {

#if defined(__x86_64__)
inline constexpr std::uint32_t native_cache_flags = 0x0303;
inline constexpr std::uint32_t native32_cache_flags = 0x0003;
#else
inline constexpr std::uint32_t native_cache_flags = 0x0a03;
inline constexpr std::uint32_t native32_cache_flags = 0x0903;
#endif

struct CacheLine {
    std::string soname = {};
    std::string path = {};
    std::uint32_t flags = native_cache_flags;
};

enum class CacheFormat { glibc, behind_old_entries };

[[nodiscard]] std::string ld_cache_file(const std::vector<CacheLine>& lines,
                                        CacheFormat format = CacheFormat::glibc);

} // namespace grapnel::test
