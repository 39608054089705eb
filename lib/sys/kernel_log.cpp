// SPDX-License-Identifier: Apache-2.0
#include "sys/kernel_log.hpp"

#include "base/text.hpp"
#include "sys/fd.hpp"
#include "sys/retry.hpp"

#include <array>
#include <cerrno>
#include <ctime>
#include <fcntl.h>
#include <unistd.h>

namespace grapnel::sys {

namespace {

constexpr std::size_t longest_record = 8192; // CONSOLE_EXT_LOG_MAX
constexpr std::size_t most_messages = 65'536;

std::int64_t uptime_s() {
    timespec now{};
    return clock_gettime(CLOCK_MONOTONIC, &now) == 0 ? now.tv_sec : 0;
}

/// "4,100,5000000,-;text", and lines of properties that begin with a blank.
KernelMessage message_in(std::string_view record, std::int64_t now_s) {
    constexpr std::int64_t second_us = 1'000'000;
    constexpr std::size_t time_field = 2;
    const auto colon = record.find(';');
    const auto head = split(record.substr(0, colon), ',');
    const auto stamp = head.size() > time_field ? parse_number<std::int64_t>(head[time_field])
                                                : std::optional<std::int64_t>();
    auto text = colon == std::string_view::npos ? record : record.substr(colon + 1);
    text = text.substr(0, text.find('\n'));
    return {.age_s = stamp ? now_s - *stamp / second_us : 0, .text = std::string(text)};
}

} // namespace

Result<std::vector<KernelMessage>> kernel_log() {
    const Fd fd(retried([] { return ::open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC); }));
    if (!fd.valid())
        return system_error("open /dev/kmsg");
    const auto now = uptime_s();
    std::vector<KernelMessage> out;
    std::array<char, longest_record> record{};
    while (out.size() < most_messages) {
        const auto length =
            retried([&] { return read(fd.ref().value, record.data(), record.size()); });
        if (length < 0 && errno == EPIPE)
            continue; // overwritten meanwhile: the next read gives the oldest that is left
        if (length <= 0)
            break;
        out.push_back(message_in({record.data(), static_cast<std::size_t>(length)}, now));
    }
    return out;
}

} // namespace grapnel::sys
