// SPDX-License-Identifier: Apache-2.0
// Carries out a plan.
#pragma once

#include "apply/container.hpp"
#include "apply/record_store.hpp"
#include "base/notices.hpp"
#include "base/result.hpp"
#include "plan/plan.hpp"

namespace grapnel::apply {

/// Carries out a plan, in this order: device nodes that the host lacks are made there; everything
/// of the host is opened and cloned; the root file system is claimed by a record (cleanup.hpp); the
/// device cgroup is opened; the container's mount namespace is entered, if it is not this
/// program's, and this process does not return from it; mounts and links are made; ld.so.cache is
/// brought up to date, with files restricted to the root file system, the records and the log.
/// Creations in the root file system are recorded, also if a step fails.
///
/// There is no way back from half a plan: on an error the runtime destroys the container, and
/// with it the mounts and the device rules.
[[nodiscard]] Status carry_out(const Plan& plan, Container container, const HostPath& ldconfig,
                               const AllowLog& allow_log, Notices& notices);

} // namespace grapnel::apply
