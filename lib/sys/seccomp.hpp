// SPDX-License-Identifier: Apache-2.0
// System call filters: what is not on the list fails with ENOSYS, as on a kernel without it.
#pragma once

#include "base/result.hpp"

namespace grapnel::sys {

/// For the hook itself, once its input is parsed. The children it starts inherit it.
[[nodiscard]] Status filter_hook();

/// For a program of the host that has no rights: reading files, and asking devices.
[[nodiscard]] Status filter_probe();

/// For ldconfig: reading files, writing one, and nothing else.
[[nodiscard]] Status filter_ldconfig();

} // namespace grapnel::sys
