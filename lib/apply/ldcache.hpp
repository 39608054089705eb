// SPDX-License-Identifier: Apache-2.0
// The container's ld.so.cache.
#pragma once

#include "base/notices.hpp"
#include "base/result.hpp"
#include "image/loader_cache.hpp"
#include "plan/plan.hpp"
#include "sys/root_dir.hpp"

#include <functional>
#include <optional>
#include <string>

namespace grapnel::apply {

/// Whether the plan has something for a loader, and may tell it.
[[nodiscard]] bool updates_ldcache(const Plan& plan);

/// Why ldconfig has to be run; nothing: it has not.
[[nodiscard]] std::optional<std::string> reason_for_ldconfig(const Plan& plan,
                                                             const image::ImageCache& cache);

/// Runs ldconfig over the root file system, after the mounts.
using RunLdconfig = std::function<Result<std::string>()>;

/// Puts the driver's libraries in the place of every other library of the same SONAME and ABI; a
/// libcuda of the image that the plan prefers comes before them.
///
/// | setting  | image's cache | driver's SONAMEs | the entries are merged into         |
/// | auto     | sound         | known            | the image's cache                   |
/// | auto     | stale         | any              | ldconfig's, else the image's cache  |
/// | auto     | sound         | not known        | ldconfig's, else the image's cache  |
/// | ldconfig | any           | any              | ldconfig's, else the start fails    |
///
/// A cache that no loader can read is dropped. The file is replaced atomically, only if it differs,
/// with the mode and owner of the one before; where it is fixed or cannot be replaced it stays as
/// it is. Warns of the reason why ldconfig was run, and of missing entries.
///
/// Must run in the container's mount namespace, after the mounts. `run` is called where there is a
/// reason_for_ldconfig() alone.
[[nodiscard]] Status update_ldcache(const Plan& plan, const image::ImageCache& cache,
                                    const RunLdconfig& run, sys::RootDir& root, Notices& notices);

} // namespace grapnel::apply
