// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace grapnel {

/// The attributes of a mount (mount_setattr(2)). Every mount is private beside them.
struct MountOptions {
    bool read_only = false;
    bool nosuid = true;
    bool nodev = false;
    bool noexec = false;

    bool operator==(const MountOptions&) const = default;
};

} // namespace grapnel
