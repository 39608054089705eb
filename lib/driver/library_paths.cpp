// SPDX-License-Identifier: Apache-2.0
// Names of libraries in the files of loaders.
#include "driver/library_paths.hpp"

#include "base/path.hpp"
#include "base/text.hpp"

namespace grapnel::driver {

namespace {

constexpr std::string_view key = "\"library_path\"";
constexpr std::string_view blanks = " \t\r\n";

std::string_view file_name(std::string_view path) {
    return path.substr(path.rfind('/') + 1);
}

/// Where the string that is the value of a key at `at` begins; npos if it has no string.
std::size_t value_at(std::string_view text, std::size_t at) {
    const auto colon = text.find_first_not_of(blanks, at + key.size());
    if (colon == std::string_view::npos || text[colon] != ':')
        return std::string_view::npos;
    const auto quote = text.find_first_not_of(blanks, colon + 1);
    if (quote == std::string_view::npos || text[quote] != '"')
        return std::string_view::npos;
    return quote + 1;
}

} // namespace

std::optional<std::string> without_library_paths(std::string_view text) {
    if (text.find('{') == std::string_view::npos) {
        const auto name = file_name(trim(text));
        if (name == trim(text) || !is_plain_name(name))
            return std::nullopt;
        return std::string(name) + "\n";
    }
    std::string out;
    std::size_t copied = 0;
    for (auto at = text.find(key); at != std::string_view::npos; at = text.find(key, at + 1)) {
        const auto begin = value_at(text, at);
        const auto end = begin == std::string_view::npos ? begin : text.find('"', begin);
        if (end == std::string_view::npos)
            continue;
        const auto name = file_name(text.substr(begin, end - begin));
        if (!is_plain_name(name) || name.size() == end - begin)
            continue;
        out += text.substr(copied, begin - copied);
        out += name;
        copied = end;
    }
    if (copied == 0)
        return std::nullopt;
    return out + std::string(text.substr(copied));
}

} // namespace grapnel::driver
