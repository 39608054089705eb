// SPDX-License-Identifier: Apache-2.0
#include "sys/lock.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <limits>
#include <poll.h>

namespace grapnel::sys {

namespace {

/// Whether the lock is had now. It belongs to the open file (F_OFD_SETLK in fcntl(2)).
Result<bool> try_lock(FdRef file, std::uint64_t part) {
    constexpr std::uint64_t greatest_offset = std::numeric_limits<std::int64_t>::max();
    struct flock wanted {};
    wanted.l_type = F_WRLCK;
    wanted.l_whence = SEEK_SET;
    wanted.l_start = static_cast<off_t>(part & greatest_offset);
    wanted.l_len = 1;
    for (;;) {
        if (fcntl(file.value, F_OFD_SETLK, &wanted) == 0)
            return true;
        if (errno == EAGAIN || errno == EACCES)
            return false;
        if (errno != EINTR)
            return system_error("fcntl F_OFD_SETLK");
    }
}

} // namespace

Result<std::optional<Fd>> lock_part(FdRef directory, const std::string& name, std::uint64_t part,
                                    int time_limit_ms) {
    using Clock = std::chrono::steady_clock;
    constexpr int longest_sleep_ms = 16;
    Fd file(openat(directory.value, name.c_str(),
                   O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0200));
    if (!file.valid())
        return system_error("open " + quote(name) + " to lock it");
    const auto end = Clock::now() + std::chrono::milliseconds(time_limit_ms);
    for (int sleep_ms = 1; !GRAPNEL_TRY(try_lock(file.ref(), part));
         sleep_ms = std::min(2 * sleep_ms, longest_sleep_ms)) {
        if (Clock::now() >= end)
            return std::optional<Fd>();
        poll(nullptr, 0, sleep_ms); // fcntl(2) alone waits without end
    }
    return std::optional(std::move(file));
}

} // namespace grapnel::sys
