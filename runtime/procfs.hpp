// SPDX-License-Identifier: Apache-2.0
// A procfs for a container in a user namespace, on a host that is a container with GPUs itself.
#pragma once

#include "base/result.hpp"
#include "oci/spec.hpp"

namespace grapnel {

/// Refuses a container whose procfs the kernel would refuse. It mounts a new one in a user
/// namespace only where another is whole (mount_too_revealing() in fs/namespace.c), and the
/// /proc/driver/nvidia of a container with GPUs covers a part of that container's. runc and crun
/// say "operation not permitted", without the reason.
[[nodiscard]] Status check_procfs(const Spec& spec);

} // namespace grapnel
