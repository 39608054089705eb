// SPDX-License-Identifier: Apache-2.0
#include "plan/plan.hpp"

namespace grapnel {

MountOptions mount_options(Mount::Kind kind) {
    using Kind = Mount::Kind;
    switch (kind) {
    case Kind::device:
        // mode and owner are the host's inode's; the device itself can be written to all the same
        return {.read_only = true, .noexec = true};
    case Kind::ipc:
        return {.nodev = true, .noexec = true};
    case Kind::proc:
        return {.read_only = true, .nodev = true, .noexec = true};
    case Kind::library:
    case Kind::library32:
    case Kind::binary:
    case Kind::firmware:
    case Kind::config:
        break;
    }
    return {.read_only = true, .nodev = true};
}

} // namespace grapnel
