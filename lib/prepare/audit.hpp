// SPDX-License-Identifier: Apache-2.0
// The line of a start in the log: which container got which GPUs, and why.
#pragma once

#include "plan/plan.hpp"

#include <string>
#include <string_view>

namespace grapnel {

/// `reason` is the variable, annotation or option that asked for the GPUs.
[[nodiscard]] std::string describe_start(const Plan& plan, std::string_view reason);

} // namespace grapnel
