// SPDX-License-Identifier: Apache-2.0
#include "toml/parse.hpp"

#include "base/format.hpp"
#include "base/text.hpp"
#include "toml/depth.hpp"

#include <utility>

namespace grapnel {

Result<toml::table> parse_toml(std::string_view text, std::string_view name,
                               std::size_t size_limit) {
    if (text.size() > size_limit)
        return refused(format_text("{} is longer than {} KiB", name, size_limit / 1024));
    GRAPNEL_TRY(check_toml_depth(text, name));
    auto parsed = toml::parse(text);
    if (!parsed)
        return refused(format_text("{}:{}: {}", name, parsed.error().source().begin.line,
                                   printable(parsed.error().description())));
    return std::move(parsed).table();
}

} // namespace grapnel
