// SPDX-License-Identifier: Apache-2.0
// Device nodes of the host. The directories that they lie in belong to root alone.
#pragma once

#include "base/device_number.hpp"
#include "base/path.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <string>

namespace grapnel::sys {

struct NodeMaker {
    std::uint32_t mode = 0;
    std::uint32_t user = 0;
    std::uint32_t group = 0;
};

/// Makes a character device, with directories of mode 0755 above it where they are missing. It
/// appears atomically, with its mode and owner. A file that others made there meanwhile stays: an
/// error if it is not this device.
[[nodiscard]] Status make_node(const HostPath& path, DeviceNumber number, const NodeMaker& maker);

/// Makes /dev/char/MAJOR:MINOR, a link to the node, where it is missing: systemd and runc find
/// the node of a device rule by it. Directories as above. In another directory, which can be the
/// /dev/char of a host that is mounted there, the link is absolute.
[[nodiscard]] Status make_number_link(const HostPath& node, DeviceNumber number,
                                      const HostPath& directory = host_path("/dev/char"));

/// Whether that link leads to the device.
[[nodiscard]] bool has_number_link(DeviceNumber number,
                                   const HostPath& directory = host_path("/dev/char"));

/// Whether the kernel lets this process make nodes: root of the initial user namespace, with
/// CAP_MKNOD.
[[nodiscard]] bool may_make_nodes();

} // namespace grapnel::sys
