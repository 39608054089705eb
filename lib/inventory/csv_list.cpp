// SPDX-License-Identifier: Apache-2.0
#include "inventory/csv_list.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace grapnel {

namespace {

using Type = CsvEntry::Type;

constexpr std::array<std::pair<std::string_view, Type>, 4> types{{
    {"dev", Type::device},
    {"dir", Type::directory},
    {"lib", Type::library},
    {"sym", Type::link},
}};

bool is_at_or_below(std::string_view path, std::string_view directory) {
    return path.starts_with(directory)
           && (path.size() == directory.size() || path[directory.size()] == '/');
}

Status check_place(std::string_view path, Type type) {
    if (path == "/" || is_at_or_below(path, "/proc") || is_at_or_below(path, "/sys"))
        return refused("a container has its own " + std::string(path));
    const bool in_dev = is_at_or_below(path, "/dev");
    if (in_dev != (type == Type::device) || path == "/dev")
        return refused("devices lie below /dev, and nothing else does");
    return {};
}

Result<CsvEntry> parse_line(std::string_view line) {
    const auto comma = line.find(',');
    if (comma == std::string_view::npos)
        return refused("there is no comma");
    const auto word = trim(line.substr(0, comma));
    const auto* const type =
        std::ranges::find(types, word, &std::pair<std::string_view, Type>::first);
    if (type == types.end())
        return refused("the type is not dev, dir, lib or sym");
    auto path = GRAPNEL_TRY(HostPath::make(trim(line.substr(comma + 1))));
    GRAPNEL_TRY(check_place(path.text(), type->second));
    return CsvEntry{.type = type->second, .path = std::move(path)};
}

} // namespace

CsvList parse_csv_list(std::string_view text) {
    CsvList out;
    for (const auto line : split(text, '\n')) {
        if (trim(line).empty())
            continue;
        auto entry = parse_line(line);
        if (entry)
            out.entries.push_back(std::move(*entry));
        else
            out.bad_lines.push_back(quote(trim(line)) + " (" + entry.error().text() + ")");
    }
    return out;
}

} // namespace grapnel
