// SPDX-License-Identifier: Apache-2.0
#include "log.hpp"

#include "sys/file.hpp"

#include <array>
#include <ctime>
#include <fmt/format.h>
#include <unistd.h>

namespace grapnel {

namespace {

std::string now() {
    const auto seconds = std::time(nullptr);
    std::tm parts{};
    std::array<char, 32> text{};
    gmtime_r(&seconds, &parts);
    return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

void to_stderr(std::string_view text) {
    // nowhere is left to say that this failed
    (void)sys::write_all({STDERR_FILENO}, fmt::format("grapnel-hook: {}\n", text), "stderr");
}

} // namespace

void Log::write(std::string_view level, std::string_view text) const {
    if (file_.empty())
        return;
    const auto line =
        fmt::format("{} grapnel-hook[{}] {} {}: {}", now(), getpid(), container_, level, text);
    // a log that cannot be written does not keep a container from its GPU
    (void)sys::append_line(file_, line);
}

void Log::error(std::string_view text) const {
    write("error", text);
    to_stderr(text);
}

void Log::remark(std::string_view text) const {
    write("remark", text);
    if (remarks_to_stderr_)
        to_stderr(text);
}

} // namespace grapnel
