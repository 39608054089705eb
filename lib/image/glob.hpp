// SPDX-License-Identifier: Apache-2.0
// Wildcards in names (glob(7)) for patterns and names that nobody vouches for.
#pragma once

#include <cstddef>
#include <string_view>

namespace grapnel::image {

/// Whether `name` fits `pattern`, as fnmatch(3) with FNM_PERIOD tells it: `*`, `?`, sets in
/// brackets, backslashes; a leading period is matched by a period alone. fnmatch's work grows
/// exponentially with the stars of a pattern. Here it is quadratic, and ends with false once
/// `steps`, which it is taken from, is used up.
[[nodiscard]] bool fits_pattern(std::string_view pattern, std::string_view name,
                                std::size_t& steps);

} // namespace grapnel::image
