// SPDX-License-Identifier: Apache-2.0
// A program gives up all that it does not need before it reads its input.
#pragma once

#include "base/result.hpp"
#include "provision/modules.hpp"

namespace grapnel {

/// After the command line, before any other input: the helper process for kernel modules is
/// started, resources are limited, Linux capabilities are cut to what the phases need, the filter
/// for the host's side is loaded. A program that loads no modules has no helper process. `program`
/// stands at the beginning of the line that a denied system call ends the program with.
enum class Modules { can_be_loaded, stay };
[[nodiscard]] Result<ModuleLoader> confine(const char* program, Modules modules);

} // namespace grapnel
