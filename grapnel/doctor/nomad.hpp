// SPDX-License-Identifier: Apache-2.0
// Nomad, which starts tasks with GPUs by a runtime of Docker.
#pragma once

#include "doctor/engines.hpp"

#include <vector>

namespace grapnel::doctor_command {

/// `findings`: those on the Dockers, to which it adds.
void check_nomad(const Facts& facts, const std::vector<Docker>& dockers,
                 std::vector<Finding>& findings);

} // namespace grapnel::doctor_command
