// SPDX-License-Identifier: Apache-2.0
#include "sys/process_identity.hpp"

#include "base/path.hpp"
#include "base/text.hpp"
#include "sys/fd.hpp"
#include "sys/file.hpp"
#include "sys/proc_file.hpp"

#include <cerrno>
#include <ctime>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sys/ioctl.h>
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

/// A number of /proc/PID/status.
std::optional<pid_t> status_number(std::string_view status, std::string_view field) {
    for (const auto line : split(status, '\n'))
        if (line.starts_with(field))
            return parse_number<pid_t>(trim(line.substr(field.size())));
    return std::nullopt;
}

/// 0 for a parent outside of the PID namespace of /proc.
Result<pid_t> parent_of(const std::string& process) {
    constexpr std::size_t limit = 65536;
    const auto path = host_path("/proc") / process / "status";
    const auto parent = status_number(GRAPNEL_TRY(read_host_file(path, limit)), "PPid:");
    return parent ? Result<pid_t>(*parent) : refused(path.text() + " names no parent");
}

/// Nothing for a process that this one may not look at.
std::optional<std::uint64_t> pid_namespace_of(pid_t pid) {
    const auto facts = host_facts(host_path("/proc") / std::to_string(pid) / "ns/pid");
    return facts ? std::optional(facts->inode) : std::nullopt;
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

Result<ProcessIdentity> starter_identity() {
    constexpr int most_ancestors = 64;
    const auto ours = GRAPNEL_TRY(own_pid_namespace());
    const auto parent = GRAPNEL_TRY(parent_of("self"));
    if (parent == 0)
        return refused("the process that started this one has no ID in /proc");
    auto outermost = parent;
    std::optional<std::uint64_t> above = ours;
    for (int i = 0; i < most_ancestors; ++i) {
        const auto next = GRAPNEL_TRY(parent_of(std::to_string(outermost)));
        above = next == 0 ? std::nullopt : pid_namespace_of(next);
        if (above != ours)
            break;
        outermost = next;
    }
    // without a PID namespace of its own the container has an ancestor in the host's
    const auto holder = above && *above != ours ? outermost : parent;
    return ProcessIdentity{.pid = holder,
                           .start_time = GRAPNEL_TRY(read_stat(holder)).start_time,
                           .pid_namespace = above && *above != ours ? *above : ours};
}

Result<ProcessIdentity> process_identity(pid_t pid) {
    const auto stat = GRAPNEL_TRY(read_stat(pid));
    return ProcessIdentity{.pid = pid,
                           .start_time = stat.start_time,
                           .pid_namespace = GRAPNEL_TRY(own_pid_namespace())};
}

std::optional<uid_t> user_namespace_owner(pid_t pid) {
    const auto path = "/proc/" + std::to_string(pid) + "/ns/user";
    const Fd space(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    uid_t owner = 0;
    if (!space.valid() || ioctl(space.ref().value, NS_GET_OWNER_UID, &owner) != 0)
        return std::nullopt;
    return owner;
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
