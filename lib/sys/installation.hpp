// SPDX-License-Identifier: Apache-2.0
// Grapnel's programs where they are installed: a tarball is unpacked to any prefix.
#pragma once

#include "base/path.hpp"

#include <string_view>

namespace grapnel::sys {

/// PREFIX/`relative`, where PREFIX/bin holds this process's program, if that file is a program;
/// else `built`, the path of the build's own prefix.
[[nodiscard]] HostPath installed_program(std::string_view relative, const HostPath& built);

} // namespace grapnel::sys
