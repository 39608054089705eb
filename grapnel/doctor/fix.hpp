// SPDX-License-Identifier: Apache-2.0
// grapnel doctor --fix.
#pragma once

#include "base/result.hpp"
#include "doctor/finding.hpp"

#include <string>
#include <vector>

namespace grapnel::doctor_command {

struct Fixed {
    std::vector<std::string> done = {};   ///< "GR0206: /sbin/ldconfig"
    std::vector<std::string> failed = {}; ///< with the reason
};

/// Makes the changes of the findings that have one.
[[nodiscard]] Fixed fix(const std::vector<Area>& areas);

} // namespace grapnel::doctor_command
