// SPDX-License-Identifier: Apache-2.0
// CRI-O, by which kubelet starts containers.
#pragma once

#include "doctor/facts.hpp"

#include <vector>

namespace grapnel::doctor_command {

void check_crio(const Facts& facts, std::vector<Finding>& findings);

} // namespace grapnel::doctor_command
