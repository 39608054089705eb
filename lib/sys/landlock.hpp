// SPDX-License-Identifier: Apache-2.0
// Landlock (landlock(7), Linux 5.13): a process gives up the file system, whatever its user may.
#pragma once

#include "base/path.hpp"

#include <vector>

namespace grapnel::sys {

/// From now on this process and its children read, write, make, remove and execute nothing, but
/// make and write to files below `writable`, and read those below `readable`. What is open
/// stays so. A landlocked process cannot change mounts. Where the kernel has no Landlock, or an
/// outer container denies it, nothing changes; a directory that is missing is left out.
void restrict_files(const std::vector<HostPath>& writable, const std::vector<HostPath>& readable);

} // namespace grapnel::sys
