// SPDX-License-Identifier: Apache-2.0
// Declarations that some C libraries lack, and the error of a call that the kernel lacks.
#pragma once

#include "base/result.hpp"

#include <string>

namespace grapnel::sys {

/// system_error(), but for ENOSYS an error that names the call and the kernel that has it.
[[nodiscard]] Error call_error(const char* call, const std::string& object);

} // namespace grapnel::sys
