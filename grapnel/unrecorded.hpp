// SPDX-License-Identifier: Apache-2.0
// Containers without a record: of nvidia-container-cli (LXC, ctr --gpus and others), and of
// NVIDIA's own tools.
#pragma once

#include "containers.hpp"

namespace grapnel {

/// Adds the containers of other mount namespaces in which the node of a GPU of this host is
/// mounted: the kernel says which file system and file that is. A name alone can be anybody's.
/// Adds driver and GPUs to containers without them in their record.
void add_unrecorded(GpuContainers& out);

} // namespace grapnel
