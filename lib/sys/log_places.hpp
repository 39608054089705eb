// SPDX-License-Identifier: Apache-2.0
// The parts of a log beside its file: a socket for the journal or syslog, and rotation.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"
#include "sys/fd.hpp"

#include <cstdint>

namespace grapnel::sys {

/// A datagram socket, connected to the socket at that path. Sending never waits: a full receiver
/// loses messages.
[[nodiscard]] Result<Fd> connect_datagrams(const HostPath& path);

/// Renames a file that is longer than `longest` to NAME.1, which replaces an earlier NAME.1. A lock
/// keeps several processes from renaming at the same time. A file that cannot be renamed stays.
void rotate_file(const HostPath& path, std::uint64_t longest);

} // namespace grapnel::sys
