// SPDX-License-Identifier: Apache-2.0
#include "confine/limits.hpp"

#include <algorithm>
#include <sys/resource.h>

namespace grapnel::confine {

void set_limit(int resource, std::uint64_t most) {
    const auto which = static_cast<__rlimit_resource>(resource);
    rlimit limit{};
    if (getrlimit(which, &limit) == 0 && limit.rlim_max < most)
        most = limit.rlim_max;
    limit = {most, most};
    setrlimit(which, &limit);
}

namespace {

/// With a second between the signal that is handled (fatal_signal.hpp) and the one that kills.
void limit_cpu(std::uint64_t seconds) {
    set_limit(RLIMIT_CPU, seconds + 1);
    rlimit limit{};
    if (getrlimit(RLIMIT_CPU, &limit) != 0)
        return;
    limit.rlim_cur = std::max<rlim_t>(limit.rlim_max, 2) - 1;
    setrlimit(RLIMIT_CPU, &limit);
}

} // namespace

void limit_resources() {
    constexpr std::uint64_t open_files = 8'192;
    set_limit(RLIMIT_DATA, memory_limit);
    limit_cpu(cpu_limit_s);
    set_limit(RLIMIT_NOFILE, open_files);
}

void limit_file_size(std::uint64_t longest) {
    constexpr std::uint64_t own_files = std::uint64_t{256} << 20;
    set_limit(RLIMIT_FSIZE, longest + own_files);
}

} // namespace grapnel::confine
