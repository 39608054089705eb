// SPDX-License-Identifier: Apache-2.0
// grapnel under the name nvidia-ctk, with the command line of NVIDIA's program: a command there is
// a command of grapnel with other words.
#pragma once

#include "base/result.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel::nvidia_ctk {

/// Whether `called`, the name of this process, is nvidia-ctk.
[[nodiscard]] bool is_call(std::string_view called);

/// Whether the call is `nvidia-ctk hook ...`, as CDI files have it.
[[nodiscard]] bool is_hook_call(std::string_view called, std::span<const std::string> words);

/// The words of `nvidia-ctk runtime configure` for `grapnel configure`. An error is of kind usage.
[[nodiscard]] Result<std::vector<std::string>> configure_words(std::span<const std::string> words);

/// Each returns the exit code.
[[nodiscard]] int config(std::span<const std::string> words);
[[nodiscard]] int cdi(std::span<const std::string> words);
[[nodiscard]] int transform(std::span<const std::string> words);
[[nodiscard]] int system_nodes(std::span<const std::string> words);
[[nodiscard]] int run(std::span<const std::string> words);

} // namespace grapnel::nvidia_ctk
