// SPDX-License-Identifier: Apache-2.0
// What the fuzz targets share. A target takes any bytes, and ends the program if a property of
// the code under test does not hold for them.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace grapnel::fuzz {

inline void expect(bool holds, const char* property) {
    if (holds)
        return;
    (void)std::fprintf(stderr, "property broken: %s\n", property);
    std::abort();
}

inline std::string_view as_text(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

inline bool is_printable_ascii(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c <= 0x7e; });
}

/// Safe to show: printable ASCII in one line, not empty.
inline void expect_printable(const Error& error) {
    const auto text = error.text();
    expect(!text.empty(), "an error says something");
    expect(is_printable_ascii(text), "an error is one line of printable ASCII");
}

inline void expect_normal(std::string_view path) {
    expect(path.starts_with('/'), "a path is absolute");
    expect(path.size() < 4096, "a path is shorter than PATH_MAX");
    expect(path.find('\0') == std::string_view::npos, "a path holds no NUL byte");
    expect(path == "/" || !path.ends_with('/'), "a path does not end with a slash");
    expect(path.find("//") == std::string_view::npos, "a path has no empty component");
    for (auto rest = path; !rest.empty();) {
        rest.remove_prefix(1);
        const auto component = rest.substr(0, rest.find('/'));
        expect(component != "." && component != "..", "a path has no component '.' or '..'");
        rest.remove_prefix(component.size());
    }
}

/// The text up to the first newline, which is taken off `rest` together with it.
inline std::string_view take_line(std::string_view& rest) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    return line;
}

} // namespace grapnel::fuzz
