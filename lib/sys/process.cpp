// SPDX-License-Identifier: Apache-2.0
#include "sys/process.hpp"

#include "base/text.hpp"
#include "sys/capabilities.hpp"
#include "sys/child.hpp"
#include "sys/file.hpp"
#include "sys/file_rights.hpp"
#include "sys/kernel.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <vector>

namespace grapnel::sys {

namespace {

constexpr std::size_t proc_file_limit = std::size_t{1} << 20;

Error ended(pid_t pid) {
    return refused("process " + std::to_string(pid) + " of the container has ended",
                   "the runtime gave up on the container: see its own error");
}

Result<std::uint64_t> inode_of(FdRef directory, const char* name) {
    struct stat found {};
    if (fstatat(directory.value, name, &found, 0) != 0)
        return system_error(std::string("stat ") + name);
    return std::uint64_t{found.st_ino};
}

/// Enters one namespace of a process. A pidfd is enough since Linux 5.8; before, the namespace is
/// opened in the process's directory.
bool enter_namespace(FdRef pidfd, FdRef directory, const char* name, int type) {
    if (setns(pidfd.value, type) == 0)
        return true;
    if (errno != EINVAL)
        return false;
    const Fd opened(openat(directory.value, name, O_RDONLY | O_CLOEXEC));
    return opened.valid() && setns(opened.ref().value, type) == 0;
}

constexpr std::uint32_t all_users = 4294967295;

/// A line of uid_map (user_namespaces(7)).
struct UserRange {
    std::uint32_t inside = 0;
    std::uint32_t outside = 0;
    std::uint32_t count = 0;
};

std::vector<UserRange> parse_user_map(std::string_view text) {
    std::vector<UserRange> out;
    for (const auto line : split(text, '\n')) {
        std::vector<std::uint32_t> numbers;
        for (const auto word : split(line, ' '))
            if (const auto number = parse_number<std::uint32_t>(word))
                numbers.push_back(*number);
        if (numbers.size() == 3)
            out.push_back({numbers[0], numbers[1], numbers[2]});
    }
    return out;
}

/// Of this process's user namespace. A map is written once, so it is read once.
std::optional<std::vector<UserRange>>& known_user_map() {
    static std::optional<std::vector<UserRange>> map;
    return map;
}

std::vector<UserRange> own_user_map() {
    auto& known = known_user_map();
    if (known)
        return *known;
    const auto text = read_host_file(host_path("/proc/self/uid_map"), proc_file_limit);
    if (!text)
        return {{.count = all_users}}; // a kernel without user namespaces
    return *(known = parse_user_map(*text));
}

} // namespace

Result<Process> Process::open(pid_t pid) {
    Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (!pidfd.valid())
        return errno == ESRCH ? ended(pid) : call_error("pidfd_open", std::to_string(pid));
    const auto path = "/proc/" + std::to_string(pid);
    Fd directory(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!directory.valid())
        return errno == ENOENT ? ended(pid) : system_error("open " + path);
    struct statfs filesystem {};
    if (fstatfs(directory.ref().value, &filesystem) != 0)
        return system_error("fstatfs " + path);
    if (filesystem.f_type != PROC_SUPER_MAGIC)
        return refused("/proc is not procfs");
    Process process(std::move(pidfd), std::move(directory), pid);
    // alive after both were opened: both mean the same process
    GRAPNEL_TRY(process.alive());
    return process;
}

Status Process::alive() const {
    if (syscall(SYS_pidfd_send_signal, pidfd_.ref().value, 0, nullptr, 0) == 0 || errno == EPERM)
        return {};
    return errno == ESRCH ? ended(pid_) : call_error("pidfd_send_signal", std::to_string(pid_));
}

Result<std::uint64_t> Process::mount_namespace() const {
    return inode_of(directory_.ref(), "ns/mnt")
        .note("process " + std::to_string(pid_))
        .cure("the hook needs the right to look at the container's process: CAP_SYS_PTRACE");
}

Result<std::uint64_t> Process::user_namespace() const {
    return inode_of(directory_.ref(), "ns/user").note("process " + std::to_string(pid_));
}

Result<std::string> Process::read(const char* name) const {
    const Fd file(openat(directory_.ref().value, name, O_RDONLY | O_CLOEXEC));
    if (!file.valid())
        return system_error("open /proc/" + std::to_string(pid_) + "/" + name);
    return read_all(file.ref(), proc_file_limit, name);
}

Result<Fd> Process::root() const {
    Fd root(openat(directory_.ref().value, "root", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root.valid())
        return system_error("open /proc/" + std::to_string(pid_) + "/root");
    return root;
}

Status Process::enter_user_namespace() const {
    if (!enter_namespace(pidfd_.ref(), directory_.ref(), "ns/user", CLONE_NEWUSER))
        return call_error("setns", "to the user namespace of process " + std::to_string(pid_));
    forget_capabilities();
    known_user_map().reset();
    if (unshare(CLONE_NEWNS) != 0)
        return system_error("unshare the mount namespace");
    return {};
}

Status Process::enter_mount_namespace() const {
    if (!enter_namespace(pidfd_.ref(), directory_.ref(), "ns/mnt", CLONE_NEWNS))
        return call_error("setns", "to the container's mount namespace");
    return {};
}

Result<std::uint64_t> own_mount_namespace() {
    return inode_of({AT_FDCWD}, "/proc/self/ns/mnt");
}

Result<std::uint64_t> own_user_namespace() {
    return inode_of({AT_FDCWD}, "/proc/self/ns/user");
}

bool is_initial_mount_namespace(std::uint64_t identity) {
    // MNT_NS_INIT_INO of linux/nsfs.h, since Linux 6.18; before that one of the first numbers that
    // the kernel gives, which are never free again
    constexpr std::uint64_t fixed = 0xEFFFFFF8;
    constexpr std::uint64_t first_given = 0xF0000000;
    return identity == fixed || identity == first_given || identity == first_given + 1;
}

bool in_initial_user_namespace() {
    const auto map = own_user_map();
    return map.size() == 1 && map.front().inside == 0 && map.front().outside == 0
           && map.front().count == all_users;
}

bool may_change_groups() {
    return is_permitted(CAP_SETGID);
}

bool has_group(std::uint32_t group) {
    if (in_initial_user_namespace())
        return true;
    const auto overflow = read_host_file(host_path("/proc/sys/kernel/overflowgid"), 64);
    return overflow && parse_number<std::uint32_t>(trim(*overflow)) != group;
}

std::optional<std::uint32_t> unprivileged_user() {
    const auto user = geteuid();
    if (user == 0 && in_initial_user_namespace())
        return std::nullopt;
    for (const auto& range : own_user_map())
        if (user >= range.inside && user - range.inside < range.count)
            return range.outside + (user - range.inside);
    return std::nullopt;
}

std::optional<HostPath> own_run_directory() {
    const auto user = unprivileged_user();
    if (!user)
        return std::nullopt;
    constexpr std::uint32_t writable_to_others = 0022;
    auto path = host_path("/run/user") / std::to_string(*user);
    const auto found = facts({AT_FDCWD}, path.text().c_str());
    if (!found || found->type != FileFacts::Type::directory || found->owner.user != geteuid()
        || (found->mode & writable_to_others) != 0)
        return std::nullopt;
    return path;
}

void create_files_as(const FileOwner& owner) {
    if (file_owner() == owner)
        return;
    // the kernel does not tell that it had no memory for the change
    constexpr int most = 3;
    for (int i = 0; i < most; ++i) {
        setfsgid(owner.group);
        setfsuid(owner.user);
        if (file_owner() == owner)
            break;
    }
    renew_stay();
}

FileOwner own_user() {
    return {.user = geteuid(), .group = getegid()};
}

} // namespace grapnel::sys
