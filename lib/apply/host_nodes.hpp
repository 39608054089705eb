// SPDX-License-Identifier: Apache-2.0
// A plan's changes on the host: missing device nodes, and the links by which systemd and runc find
// the nodes of device rules.
#pragma once

#include "base/notices.hpp"
#include "base/result.hpp"
#include "plan/plan.hpp"

namespace grapnel::apply {

/// Makes the nodes, and where device rules are changed the missing link MAJOR:MINOR of each planned
/// node in `links`. A failure to make a link is a warning. Drops the capabilities for both
/// afterwards. Must run in the host's mount namespace, before the sources are opened.
[[nodiscard]] Status make_host_nodes(const Plan& plan, Notices& notices,
                                     const HostPath& links = host_path("/dev/char"));

} // namespace grapnel::apply
