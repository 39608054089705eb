// SPDX-License-Identifier: Apache-2.0
// grapnel under the name nvidia-ctk, with the command line of NVIDIA's program.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace grapnel::nvidia_ctk {

/// Whether `called`, the name of this process, is nvidia-ctk.
[[nodiscard]] bool is_call(std::string_view called);

/// Whether the call is `nvidia-ctk hook ...`, as CDI files have it.
[[nodiscard]] bool is_hook_call(std::string_view called, std::span<const std::string> words);

} // namespace grapnel::nvidia_ctk
