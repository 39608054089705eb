// SPDX-License-Identifier: Apache-2.0
// Features of the host that containers of users without root need.
#pragma once

#include "doctor/facts.hpp"

#include <vector>

namespace grapnel::doctor_command {

/// For the users of podman.
void check_rootless(const Facts& facts, std::vector<Finding>& findings);

/// newuidmap and newgidmap.
void check_map_programs(const Facts& facts, std::vector<Finding>& findings);

/// A dockerd of a user, or the unit of one.
[[nodiscard]] bool has_rootless_docker(const Facts& facts);

} // namespace grapnel::doctor_command
