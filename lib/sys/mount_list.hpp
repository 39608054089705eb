// SPDX-License-Identifier: Apache-2.0
// The mounts of a mount namespace, one at a time: a host can have 100,000 (fs.mount-max) and more,
// and each caller needs the facts of a few.
#pragma once

#include "base/mountinfo.hpp"
#include "base/result.hpp"
#include "sys/fd.hpp"

#include <functional>
#include <string_view>
#include <sys/types.h>

namespace grapnel::sys {

using VisitMount = std::function<void(const MountLine&)>;

/// Calls `visit` for each line of an open mountinfo (proc(5)) that can be read, in its order.
[[nodiscard]] Status visit_mounts(FdRef mountinfo, std::string_view name, const VisitMount& visit);

/// The same for the mount namespace that this process is in now.
[[nodiscard]] Status visit_own_mounts(const VisitMount& visit);

/// The same for the mount namespace of a process.
[[nodiscard]] Status visit_mounts_of(pid_t process, const VisitMount& visit);

} // namespace grapnel::sys
