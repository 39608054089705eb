// SPDX-License-Identifier: Apache-2.0
// The host's ldconfig, for a cache that cannot be trusted to be whole.
#pragma once

#include "base/result.hpp"
#include "image/ld_conf.hpp"
#include "plan/plan.hpp"
#include "sys/fd.hpp"
#include "sys/root_dir.hpp"

#include <cstddef>
#include <optional>
#include <string>

namespace grapnel::apply {

constexpr std::size_t ldconfig_cache_limit = std::size_t{16} << 20;
/// The cage ends it sooner.
constexpr int ldconfig_time_limit_ms = 40'000;

struct LdConfig {
    HostPath path = {};
    sys::Fd program = {};              ///< for reading
    std::optional<Error> missing = {}; ///< the reason, if it is missing
};

/// Opened before the container is entered. `path` is the settings' ldconfig; empty: /sbin/ldconfig.
/// If there is a file of that name with ".real" at its end, that one is taken (Ubuntu's ldconfig is
/// a script around it).
[[nodiscard]] LdConfig open_ldconfig(const HostPath& path);

/// The ld.so.cache that it makes of the root file system, run in a cage (confine/cage.hpp) over a
/// copy in which it can write nothing. The image's own configuration comes first, so that the
/// loader's preferences stay as they were; the plan's library directories and the system's follow.
///
/// Must run in the container's mount namespace.
[[nodiscard]] Result<std::string> run_ldconfig(const Plan& plan, const image::LdConf& conf,
                                               const LdConfig& ldconfig, sys::RootDir& root);

} // namespace grapnel::apply
