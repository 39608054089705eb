// SPDX-License-Identifier: Apache-2.0
// Results as tests compare them.
#pragma once

#include "base/result.hpp"

#include <string>
#include <string_view>

namespace grapnel::test {

/// The error's line; empty if there is none.
template <typename T>
[[nodiscard]] std::string error_of(const Result<T>& result) {
    return result ? std::string() : result.error().text();
}

[[nodiscard]] inline bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

} // namespace grapnel::test
