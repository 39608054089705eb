// SPDX-License-Identifier: Apache-2.0
// The program nvidia-cdi-hook: hooks of the stage createContainer, named in CDI files that NVIDIA's
// tools wrote.
#pragma once

#include <span>
#include <string>

namespace grapnel::cdi_hook {

/// `words` are those behind the program's name. The exit code.
[[nodiscard]] int run(std::span<const std::string> words);

} // namespace grapnel::cdi_hook
