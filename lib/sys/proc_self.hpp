// SPDX-License-Identifier: Apache-2.0
// This process's own directory in procfs. Private to this module.
#pragma once

#include "base/result.hpp"
#include "sys/fd.hpp"

#include <cstdint>

namespace grapnel::sys {

/// Opens /proc/self/`name`. procfs is opened once, at the first call, and checked: after this
/// process has entered a container, the path /proc belongs to the container.
[[nodiscard]] Result<Fd> open_proc_self(const char* name, int flags);

/// For a process that closes its descriptors: the next call opens procfs again.
void forget_procfs();

/// Changes the mode of the file behind a descriptor of O_PATH, which is not opened.
[[nodiscard]] Status change_mode(FdRef file, std::uint32_t mode);

} // namespace grapnel::sys
