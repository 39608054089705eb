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

bool is_at_or_below(const HostPath& path, std::string_view directory) {
    return path.text() == directory || path.text().starts_with(std::string(directory) + "/");
}

Status check_place(const CsvEntry& entry) {
    if (entry.path.text() == "/" || is_at_or_below(entry.path, "/proc")
        || is_at_or_below(entry.path, "/sys"))
        return refused("a container has its own " + entry.path.text());
    const bool in_dev = is_at_or_below(entry.path, "/dev");
    if (in_dev != (entry.type == Type::device) || entry.path.text() == "/dev")
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
    CsvEntry entry{.type = type->second, .path = std::move(path)};
    GRAPNEL_TRY(check_place(entry));
    return entry;
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
