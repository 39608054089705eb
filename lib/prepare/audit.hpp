// SPDX-License-Identifier: Apache-2.0
// The line of a start in the log: which container got which GPUs, and why.
#pragma once

#include "oci/spec.hpp"
#include "plan/plan.hpp"
#include "settings/settings.hpp"

#include <string>

namespace grapnel {

[[nodiscard]] std::string describe_start(const Plan& plan, const Spec& spec,
                                         const Settings& settings);

} // namespace grapnel
