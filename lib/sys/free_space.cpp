// SPDX-License-Identifier: Apache-2.0
#include "sys/free_space.hpp"

#include <sys/statvfs.h>

namespace grapnel::sys {

Result<bool> has_free_space(const HostPath& path) {
    struct statvfs found {};
    if (statvfs(path.text().c_str(), &found) != 0)
        return system_error("statvfs " + path.text());
    const bool counts_blocks = found.f_blocks > 0;
    const bool counts_inodes = found.f_files > 0;
    return (!counts_blocks || found.f_bavail > 0) && (!counts_inodes || found.f_favail > 0);
}

} // namespace grapnel::sys
