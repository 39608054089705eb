// SPDX-License-Identifier: Apache-2.0
// The driver's libraries that an image holds itself.
#pragma once

#include "base/path.hpp"
#include "plan/plan.hpp"
#include "sys/root_dir.hpp"

#include <vector>

namespace grapnel::explanation {

/// Libraries of a driver, of whatever version, in the directories into which the plan mounts the
/// host's. A mount hides a library of the same name, and the driver's links lead past any other.
[[nodiscard]] std::vector<InsidePath> driver_libraries_in(sys::RootDir& root, const Plan& plan);

} // namespace grapnel::explanation
