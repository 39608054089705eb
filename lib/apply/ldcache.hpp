// SPDX-License-Identifier: Apache-2.0
// The container's ld.so.cache.
#pragma once

#include "base/result.hpp"
#include "plan/plan.hpp"
#include "sys/fd.hpp"
#include "sys/root_dir.hpp"

#include <optional>
#include <string>
#include <vector>

namespace grapnel::apply {

/// The host's ldconfig, copied before the container is entered. Nothing if the plan leaves the
/// cache alone. `path` is the settings' ldconfig; empty: /sbin/ldconfig. If there is a file of
/// that name with ".real" at its end, that one is taken (Ubuntu's ldconfig is a script around it).
struct LdConfig {
    HostPath path = {};
    sys::Fd program = {};
};
[[nodiscard]] Result<std::optional<LdConfig>> open_ldconfig(const Plan& plan, const HostPath& path);

/// Runs ldconfig in a cage (sys/cage.hpp) over a copy of the root file system in which it can
/// write nothing, and puts what it made in the place of /etc/ld.so.cache, in one step and only
/// if it differs. The image's own configuration comes first, so that the loader prefers what it
/// preferred before; the plan's library directories and the system's follow.
///
/// An image without /etc, and one whose /etc cannot be written to, is left as it is: the
/// loader looks into the directories of the libraries anyhow. Returns a remark then.
///
/// Must run in the container's mount namespace, after the mounts.
[[nodiscard]] Result<std::optional<std::string>>
update_ldcache(const Plan& plan, const LdConfig& ldconfig, sys::RootDir& root);

} // namespace grapnel::apply
