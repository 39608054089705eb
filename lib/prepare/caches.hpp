// SPDX-License-Identifier: Apache-2.0
// All caches of the hook, for a program that shows or drops them. A start without one asks the host
// again.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"
#include "sys/host_fs.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace grapnel {

/// A file of a cache.
struct CacheFile {
    HostPath path = {};
    std::string content = {}; ///< in words: "GPU info: 8 GPUs"
    std::string fault = {};   ///< the reason why no start uses it; empty: a start may use it
    std::uint64_t bytes = 0;
    std::int64_t written_ns = 0; ///< since 1970
};

/// The inventory cache, the GPU info cache, the directory cache and the probe cache, as far as they
/// are there. Wants root's rights.
[[nodiscard]] Result<std::vector<CacheFile>> list_caches(const sys::HostFs& host);

/// Removes their files, and returns these. Starts meanwhile may fill the caches again.
[[nodiscard]] Result<std::vector<HostPath>> drop_caches(const sys::HostFs& host);

} // namespace grapnel
