// SPDX-License-Identifier: Apache-2.0
#include "base/mountinfo.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace grapnel {

namespace {

/// The kernel writes blank, tab, newline and backslash as \ooo.
std::string unescape(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto code = text[i] == '\\' && i + 3 < text.size()
                              ? parse_number<unsigned char>(text.substr(i + 1, 3), 8)
                              : std::nullopt;
        out += code ? static_cast<char>(*code) : text[i];
        if (code)
            i += 3;
    }
    return out;
}

/// "major:minor".
DeviceNumber device_number(std::string_view word) {
    const auto parts = split(word, ':');
    if (parts.size() != 2)
        return {};
    return {.major = parse_number<std::uint32_t>(parts[0]).value_or(0),
            .minor = parse_number<std::uint32_t>(parts[1]).value_or(0)};
}

} // namespace

std::optional<MountInfo> parse_mountinfo_line(std::string_view line) {
    const auto words = split(line, ' ');
    const auto dash = std::ranges::find(words, "-");
    if (dash - words.begin() < 6 || words.end() - dash < 4)
        return std::nullopt;
    const auto id = parse_number<std::uint64_t>(words[0]);
    if (!id)
        return std::nullopt;
    MountInfo info{.id = *id,
                   .device = device_number(words[2]),
                   .root = unescape(words[3]),
                   .point = unescape(words[4])};
    for (const auto option : split(words[5], ','))
        info.options.emplace_back(option);
    constexpr std::string_view shared = "shared:";
    constexpr std::string_view master = "master:";
    for (auto word = words.begin() + 6; word != dash; ++word) {
        if (word->starts_with(shared))
            info.peer_group = parse_number<std::uint64_t>(word->substr(shared.size()));
        if (word->starts_with(master))
            info.master = parse_number<std::uint64_t>(word->substr(master.size()));
    }
    info.type = dash[1];
    for (const auto option : split(dash[3], ','))
        info.super_options.emplace_back(option);
    return info;
}

std::vector<MountInfo> parse_mountinfo(std::string_view text) {
    std::vector<MountInfo> out;
    for (const auto line : split(text, '\n'))
        if (auto info = parse_mountinfo_line(line))
            out.push_back(std::move(*info));
    return out;
}

} // namespace grapnel
