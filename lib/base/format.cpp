// SPDX-License-Identifier: Apache-2.0
// The one unit that contains the library fmt: distributions have it as headers and a shared
// library.
#define FMT_HEADER_ONLY
// no thousands separators, and so nothing of std::locale
#define FMT_STATIC_THOUSANDS_SEPARATOR ','
#include "base/format.hpp"

#include <fmt/format.h>

namespace grapnel::detail {

std::string format(fmt::string_view pattern, fmt::format_args values) {
    return fmt::vformat(pattern, values);
}

} // namespace grapnel::detail
