// SPDX-License-Identifier: Apache-2.0
#include "image/musl.hpp"

#include "base/text.hpp"

namespace grapnel::image {

namespace {

#if defined(__x86_64__)
constexpr auto loader = "/lib/ld-musl-x86_64.so.1";
constexpr auto path_file = "/etc/ld-musl-x86_64.path";
#else
constexpr auto loader = "/lib/ld-musl-aarch64.so.1";
constexpr auto path_file = "/etc/ld-musl-aarch64.path";
#endif
constexpr auto default_path = "/lib:/usr/local/lib:/usr/lib";

} // namespace

const InsidePath& musl_loader() {
    static const auto path = inside_path(loader);
    return path;
}

const InsidePath& musl_path_file() {
    static const auto path = inside_path(path_file);
    return path;
}

std::vector<std::string> musl_directories(const std::optional<std::string>& file) {
    const std::string text = file.value_or(default_path);
    std::vector<std::string> out;
    for (const auto line : split(text, '\n'))
        for (const auto directory : split(line, ':'))
            if (!directory.empty())
                out.emplace_back(directory);
    return out;
}

} // namespace grapnel::image
