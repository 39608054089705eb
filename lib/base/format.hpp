// SPDX-License-Identifier: Apache-2.0
// Text from a format string that the compiler checks.
#pragma once

#include <fmt/core.h>
#include <string>
#include <utility>

namespace grapnel {

namespace detail {
[[nodiscard]] std::string format(fmt::string_view pattern, fmt::format_args values);
}

/// `pattern` with `values` in it, in the form of std::format. The compiler refuses a pattern that
/// does not fit. Not fmt::format: with that each file compiles the library again.
template <typename... Values>
[[nodiscard]] std::string format_text(fmt::format_string<Values...> pattern, Values&&... values) {
    return detail::format(pattern, fmt::make_format_args(values...));
}

} // namespace grapnel
