// SPDX-License-Identifier: Apache-2.0
#include "sys/directory_time.hpp"

#include "sys/file.hpp"

#include <array>
#include <ctime>
#include <fcntl.h>
#include <sys/stat.h>

namespace grapnel::sys {

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::int64_t moment_ns = 2 * second_ns; ///< the coarsest file system has times of seconds

std::int64_t now_ns() {
    timespec time{};
    clock_gettime(CLOCK_REALTIME, &time);
    return time.tv_sec * second_ns + time.tv_nsec;
}

} // namespace

DirectoryTime::DirectoryTime(FdRef directory, std::uint64_t mount) {
    const auto found = facts(directory, "");
    if (!found || found->mount != mount || found->modified_ns > now_ns() - moment_ns)
        return;
    directory_ = directory;
    before_ns_ = found->modified_ns;
}

void DirectoryTime::changed() {
    if (directory_)
        changed_ns_ = now_ns();
}

DirectoryTime::~DirectoryTime() {
    if (!directory_)
        return;
    if (changed_ns_) {
        const auto found = facts(*directory_, "");
        if (!found || found->modified_ns > *changed_ns_)
            return;
    }
    const std::array<timespec, 2> times{
        timespec{.tv_sec = 0, .tv_nsec = UTIME_OMIT},
        timespec{.tv_sec = before_ns_ / second_ns, .tv_nsec = before_ns_ % second_ns}};
    (void)utimensat(directory_->value, "", times.data(), AT_EMPTY_PATH);
}

} // namespace grapnel::sys
