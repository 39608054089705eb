// SPDX-License-Identifier: Apache-2.0
// Files of cgroup directories.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"
#include "sys/fd.hpp"

#include <string>
#include <string_view>

namespace grapnel::sys {

/// Refuses a directory that is not of a cgroup file system.
[[nodiscard]] Result<Fd> open_cgroup(const HostPath& directory);

[[nodiscard]] Result<std::string> read_cgroup_file(FdRef cgroup, const char* name);
[[nodiscard]] Status write_cgroup_file(FdRef cgroup, const char* name, std::string_view text);

} // namespace grapnel::sys
