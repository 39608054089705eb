// SPDX-License-Identifier: Apache-2.0
// A procfs for a container in a user namespace, on a host that is a container with GPUs itself.
#pragma once

#include "base/result.hpp"

namespace grapnel {

/// Refuses a container with a new procfs, in a user namespace of its own or not, where the kernel
/// would refuse that. It mounts one in a user namespace only where another is whole
/// (mount_too_revealing() in fs/namespace.c), and the /proc/driver/nvidia of a container with GPUs
/// covers a part of that container's. runc and crun say "operation not permitted", without the
/// reason.
[[nodiscard]] Status check_procfs(bool user_namespace);

} // namespace grapnel
