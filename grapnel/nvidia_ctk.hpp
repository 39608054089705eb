// SPDX-License-Identifier: Apache-2.0
// grapnel by the name nvidia-ctk, with the grammar of that program.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace grapnel::nvidia_ctk {

/// Whether a program that was called as `called` is this one.
[[nodiscard]] bool is_call(std::string_view called);

/// `nvidia-ctk hook ...`, as CDI files name it.
[[nodiscard]] bool is_hook_call(std::string_view called, std::span<const std::string> words);

} // namespace grapnel::nvidia_ctk
