// SPDX-License-Identifier: Apache-2.0
// Small files of procfs and cgroupfs, read in few calls: a list of a thousand containers reads
// several thousand of them.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"
#include "sys/fd.hpp"
#include "sys/process_identity.hpp"

#include <string>

namespace grapnel::sys {

/// At most 1 MiB. Only for files that the kernel makes: their type is not looked at.
[[nodiscard]] Result<std::string> read_kernel_file(const std::string& path);
[[nodiscard]] Result<std::string> read_kernel_file_in(FdRef directory, const std::string& path);

/// The target of a link of procfs, such as /proc/1/ns/mnt.
[[nodiscard]] Result<std::string> read_kernel_link(const std::string& path);

/// Whether the process runs, seen from a PID namespace with that identity. A zombie does not.
[[nodiscard]] bool is_running(const ProcessIdentity& process, std::uint64_t own_pid_namespace);
[[nodiscard]] Result<std::uint64_t> own_pid_namespace();

} // namespace grapnel::sys
