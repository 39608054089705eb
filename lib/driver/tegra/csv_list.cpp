// SPDX-License-Identifier: Apache-2.0
#include "driver/tegra/csv_list.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <fnmatch.h>
#include <iterator>
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
    const bool may_be_in_dev = type == Type::device || type == Type::directory;
    if (path == "/dev" || (in_dev ? !may_be_in_dev : type == Type::device))
        return refused("devices lie below /dev, and files do not");
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

bool is_pattern(std::string_view text) {
    return text.find_first_of("*?[") != std::string_view::npos;
}

std::vector<HostPath> matching_in(const sys::HostFs& host, const HostPath& directory,
                                  const std::string& pattern) {
    if (!is_pattern(pattern))
        return {directory / pattern};
    std::vector<HostPath> out;
    const auto names = host.list(directory);
    for (const auto& name : names ? *names : std::vector<std::string>())
        if (fnmatch(pattern.c_str(), name.c_str(), FNM_PERIOD) == 0)
            out.push_back(directory / name);
    return out;
}

} // namespace

std::vector<HostPath> matching(const sys::HostFs& host, const HostPath& path) {
    if (!is_pattern(path.text()))
        return {path};
    std::vector<HostPath> out{host_path("/")};
    for (const auto part : split(std::string_view(path.text()).substr(1), '/')) {
        std::vector<HostPath> deeper;
        for (const auto& directory : out)
            std::ranges::move(matching_in(host, directory, std::string(part)),
                              std::back_inserter(deeper));
        out = std::move(deeper);
    }
    return out;
}

bool is_ignored(const HostPath& path, const std::vector<std::string>& patterns) {
    constexpr std::string_view of_name = "**/";
    return std::ranges::any_of(patterns, [&](const std::string& pattern) {
        const bool is_name = pattern.starts_with(of_name);
        return fnmatch(pattern.c_str() + (is_name ? of_name.size() : 0),
                       is_name ? std::string(path.name()).c_str() : path.text().c_str(),
                       FNM_PATHNAME)
               == 0;
    });
}

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
