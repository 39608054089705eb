// SPDX-License-Identifier: Apache-2.0
#include "nvidia_ctk.hpp"

namespace grapnel::nvidia_ctk {

bool is_call(std::string_view called) {
    return called.substr(called.rfind('/') + 1) == "nvidia-ctk";
}

bool is_hook_call(std::string_view called, std::span<const std::string> words) {
    return is_call(called) && !words.empty() && words.front() == "hook";
}

} // namespace grapnel::nvidia_ctk
