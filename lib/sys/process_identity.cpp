// SPDX-License-Identifier: Apache-2.0
#include "sys/process_identity.hpp"

#include "base/path.hpp"
#include "base/text.hpp"
#include "sys/fd.hpp"
#include "sys/file.hpp"
#include "sys/proc_file.hpp"

#include <cerrno>
#include <ctime>
#include <sys/syscall.h>
#include <unistd.h>

namespace grapnel::sys {

namespace {

struct ProcessStat {
    char state = '?';
    std::uint64_t start_time = 0;
};

/// The name of a process, in parentheses, can hold anything: the fields count from its end.
std::optional<ProcessStat> parse_stat(std::string_view text) {
    constexpr std::size_t state_field = 0; // field 3 of proc(5)
    constexpr std::size_t start_field = 19;
    const auto name_end = text.rfind(')');
    if (name_end == std::string_view::npos)
        return std::nullopt;
    const auto fields = split(trim(text.substr(name_end + 1)), ' ');
    if (fields.size() <= start_field || fields[state_field].empty())
        return std::nullopt;
    const auto start = parse_number<std::uint64_t>(fields[start_field]);
    if (!start)
        return std::nullopt;
    return ProcessStat{.state = fields[state_field].front(), .start_time = *start};
}

Result<ProcessStat> read_stat(pid_t pid) {
    constexpr std::size_t limit = 4096;
    const auto path = host_path("/proc") / std::to_string(pid) / "stat";
    const auto stat = parse_stat(GRAPNEL_TRY(read_host_file(path, limit)));
    if (!stat)
        return refused(path.text() + " cannot be read");
    return *stat;
}

} // namespace

Result<std::uint64_t> own_pid_namespace() {
    return GRAPNEL_TRY(host_facts(host_path("/proc/self/ns/pid"))).inode;
}

bool is_running(const ProcessIdentity& process, std::uint64_t own_pid_namespace) {
    if (process.pid_namespace != own_pid_namespace)
        return false;
    const auto text = read_kernel_file("/proc/" + std::to_string(process.pid) + "/stat");
    const auto stat = text ? parse_stat(*text) : std::nullopt;
    return stat && stat->start_time == process.start_time && stat->state != 'Z'
           && stat->state != 'X';
}

Result<ProcessIdentity> process_identity(pid_t pid) {
    const auto stat = GRAPNEL_TRY(read_stat(pid));
    return ProcessIdentity{.pid = pid,
                           .start_time = stat.start_time,
                           .pid_namespace = GRAPNEL_TRY(own_pid_namespace())};
}

bool has_ended(const ProcessIdentity& process) {
    const auto ours = own_pid_namespace();
    if (!ours || *ours != process.pid_namespace)
        return false;
    const Fd found(static_cast<int>(syscall(SYS_pidfd_open, process.pid, 0)));
    if (!found.valid())
        return errno == ESRCH;
    const auto stat = read_stat(process.pid);
    return stat
           && (stat->start_time != process.start_time || stat->state == 'Z' || stat->state == 'X');
}

std::uint64_t ticks_since_boot() {
    timespec now{};
    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    constexpr std::uint64_t nanoseconds_a_tick = 10'000'000;
    return static_cast<std::uint64_t>(now.tv_sec) * 100
           + static_cast<std::uint64_t>(now.tv_nsec) / nanoseconds_a_tick;
}

std::int64_t started_at(const ProcessIdentity& process) {
    timespec now{};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    const auto age = static_cast<std::int64_t>(ticks_since_boot())
                     - static_cast<std::int64_t>(process.start_time);
    return now.tv_sec - age / 100;
}

std::string to_text(const ProcessIdentity& process) {
    return std::to_string(process.pid) + "-" + std::to_string(process.start_time) + "-"
           + std::to_string(process.pid_namespace);
}

std::optional<ProcessIdentity> parse_process_identity(std::string_view text) {
    const auto parts = split(text, '-');
    if (parts.size() != 3)
        return std::nullopt;
    const auto pid = parse_number<pid_t>(parts[0]);
    const auto start = parse_number<std::uint64_t>(parts[1]);
    const auto space = parse_number<std::uint64_t>(parts[2]);
    if (!pid || !start || !space || *pid <= 0)
        return std::nullopt;
    return ProcessIdentity{*pid, *start, *space};
}

} // namespace grapnel::sys
