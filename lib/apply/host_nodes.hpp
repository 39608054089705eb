// SPDX-License-Identifier: Apache-2.0
// What a plan changes on the host: device nodes that are missing, and the links by which systemd
// and runc find the nodes of device rules.
#pragma once

#include "base/result.hpp"
#include "plan/plan.hpp"

#include <string>
#include <vector>

namespace grapnel::apply {

/// Makes the nodes, and where device rules are changed the link /dev/char/MAJOR:MINOR of each
/// planned node that has none. A link that cannot be made is a remark. Gives up the right to do
/// either. Must run in the host's mount namespace, before the sources are opened.
[[nodiscard]] Result<std::vector<std::string>> make_host_nodes(const Plan& plan);

} // namespace grapnel::apply
