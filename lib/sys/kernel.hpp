// SPDX-License-Identifier: Apache-2.0
// What the C library does not declare everywhere, and how a call that the kernel lacks is told.
#pragma once

#include "base/result.hpp"

#include <string>

namespace grapnel::sys {

/// system_error(), but for ENOSYS an error that names the call and the kernel that has it.
[[nodiscard]] Error call_error(const char* call, const std::string& object);

} // namespace grapnel::sys
