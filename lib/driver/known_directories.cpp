// SPDX-License-Identifier: Apache-2.0
#include "driver/known_directories.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace grapnel {

namespace {

constexpr std::size_t words_before_names = 4;

bool is_writable(const std::string& name) {
    return name.find_first_of("\t\n") == std::string::npos;
}

} // namespace

std::string to_text(const std::vector<KnownDirectory>& directories) {
    std::string text;
    for (const auto& directory : directories) {
        if (!std::ranges::all_of(directory.names, is_writable))
            continue;
        text += directory.version + "\t" + std::to_string(directory.id.device) + "\t"
                + std::to_string(directory.id.inode) + "\t" + std::to_string(directory.changed_ns);
        for (const auto& name : directory.names)
            text += "\t" + name;
        text += "\n";
    }
    return text;
}

std::vector<KnownDirectory> parse_known_directories(std::string_view text) {
    std::vector<KnownDirectory> directories;
    for (const auto line : split(text.substr(0, text.rfind('\n') + 1), '\n')) {
        const auto words = split(line, '\t');
        if (words.size() < words_before_names)
            continue;
        const auto device = parse_number<std::uint64_t>(words[1]);
        const auto inode = parse_number<std::uint64_t>(words[2]);
        const auto changed = parse_number<std::int64_t>(words[3]);
        if (device && inode && changed)
            directories.push_back({.version = std::string(words[0]),
                                   .id = {.device = *device, .inode = *inode},
                                   .changed_ns = *changed,
                                   .names = {words.begin() + words_before_names, words.end()}});
    }
    return directories;
}

} // namespace grapnel
