// SPDX-License-Identifier: Apache-2.0
// The docker command of this user: whether it reaches a dockerd of this host.
#pragma once

#include "doctor/engines.hpp"

#include <vector>

namespace grapnel::doctor_command {

void check_docker_client(const Facts& facts, const std::vector<Docker>& dockers,
                         std::vector<Finding>& findings);

} // namespace grapnel::doctor_command
