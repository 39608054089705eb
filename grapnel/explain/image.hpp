// SPDX-License-Identifier: Apache-2.0
// The driver's libraries that an image holds itself.
#pragma once

#include "base/path.hpp"
#include "plan/plan.hpp"
#include "sys/root_dir.hpp"

#include <vector>

namespace grapnel::explanation {

/// Libraries of a driver, of whatever version, in the directories into which the plan mounts the
/// host's. The mounts hide those of one name, and the links lead past the others.
[[nodiscard]] std::vector<InsidePath> driver_libraries_in(sys::RootDir& root, const Plan& plan);

} // namespace grapnel::explanation
