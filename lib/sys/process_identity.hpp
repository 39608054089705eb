// SPDX-License-Identifier: Apache-2.0
// A process by its ID and start time: written down now, asked for later.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace grapnel::sys {

struct ProcessIdentity {
    pid_t pid = 0;
    std::uint64_t start_time = 0;    ///< field 22 of /proc/PID/stat (proc(5))
    std::uint64_t pid_namespace = 0; ///< in which the ID counts: the inode of ns/pid

    bool operator==(const ProcessIdentity&) const = default;
};

/// Of a process in this program's PID namespace.
[[nodiscard]] Result<ProcessIdentity> process_identity(pid_t pid);

/// Of the process that started this one, for a hook that runs among the container's processes,
/// where IDs count from 1 while /proc is still the host's: the outermost ancestor in the same PID
/// namespace, else the parent. The PID namespace is the one of /proc, where it can be told.
[[nodiscard]] Result<ProcessIdentity> starter_identity();

/// Whether that process has ended, a zombie included. False where that cannot be told: in another
/// PID namespace, or where /proc hides the process.
[[nodiscard]] bool has_ended(const ProcessIdentity& process);

/// The clock of start_time: since the machine started, in hundredths of a second (USER_HZ).
[[nodiscard]] std::uint64_t ticks_since_boot();

/// When the process started, in seconds since 1970.
[[nodiscard]] std::int64_t started_at(const ProcessIdentity& process);

/// The user who made the process's user namespace, as this process's namespace counts users
/// (NS_GET_OWNER_UID, ioctl_ns(2), Linux 4.11); 0 for the first one. Nothing where that cannot be
/// told.
[[nodiscard]] std::optional<uid_t> user_namespace_owner(pid_t pid);

/// As "PID-START-NAMESPACE".
[[nodiscard]] std::string to_text(const ProcessIdentity& process);
[[nodiscard]] std::optional<ProcessIdentity> parse_process_identity(std::string_view text);

} // namespace grapnel::sys
