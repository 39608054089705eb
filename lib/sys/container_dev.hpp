// SPDX-License-Identifier: Apache-2.0
// The device nodes in the /dev of another process, without a wait for a file system of its making.
#pragma once

#include "base/device_number.hpp"
#include "base/result.hpp"

#include <string_view>
#include <sys/types.h>
#include <vector>

namespace grapnel::sys {

/// The numbers of the character devices PREFIX* in the process's /dev.
/// `tmpfs` is the file system that its mountinfo has there: another one is not listed. The path is
/// resolved from the dentry cache alone (RESOLVE_CACHED, Linux 5.12), below the process's root and
/// through no symbolic link, and attributes are the cached ones: no server is asked.
[[nodiscard]] Result<std::vector<DeviceNumber>> devices_in_dev(pid_t process, DeviceNumber tmpfs,
                                                               std::string_view prefix);

} // namespace grapnel::sys
