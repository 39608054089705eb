// SPDX-License-Identifier: Apache-2.0
#include "confine/cage.hpp"

#include "base/text.hpp"
#include "confine/limits.hpp"
#include "confine/seccomp.hpp"
#include "sys/capabilities.hpp"
#include "sys/child.hpp"
#include "sys/file.hpp"
#include "sys/mount.hpp"
#include "sys/privilege.hpp"
#include "sys/process.hpp"
#include "sys/root_dir.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace grapnel::confine {

namespace {

constexpr int cage_time_limit_ms = 30'000;

/// Moves this process into the detached tree and lets go of every other mount.
Status enter_root(const Caged& caged) {
    GRAPNEL_TRY(sys::make_mounts_private());
    const sys::Fd old_root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!old_root.valid())
        return system_error("open /");
    GRAPNEL_TRY(sys::attach(caged.root, old_root.ref(), "/"));
    if (fchdir(caged.root.value) != 0)
        return system_error("fchdir");
    GRAPNEL_TRY(sys::set_options_recursively(
        ".", {.read_only = true, .nosuid = true, .nodev = true, .noexec = true}));
    // pivot_root(2): with "." twice the old root ends up on top of the new one, and goes.
    // On an initramfs it cannot be moved, and chroot has to do.
    if (syscall(SYS_pivot_root, ".", ".") == 0) {
        if (umount2(".", MNT_DETACH) != 0)
            return system_error("umount the old root");
    } else if (errno != EINVAL) {
        return system_error("pivot_root");
    }
    if (::chroot(".") != 0 || chdir("/") != 0)
        return system_error("chroot");
    return {};
}

Status attach_scratch(const Caged& caged) {
    const sys::Fd here(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    auto root = GRAPNEL_TRY(sys::RootDir::open(here.ref(), host_path("/")));
    const auto place = GRAPNEL_TRY(root.directory(caged.scratch_place));
    return sys::attach(caged.scratch, place, caged.scratch_place.text());
}

constexpr int most_open_files = 64;

/// Mapped libraries count in no limit but RLIMIT_AS: a large one must not make ldconfig leave
/// it out. The program's own allocations are bounded.
void set_cage_limits() {
    constexpr rlim_t mebibyte = 1 << 20;
    set_limit(RLIMIT_CPU, 20);
    set_limit(RLIMIT_DATA, 512 * mebibyte);
    set_limit(RLIMIT_FSIZE, 16 * mebibyte);
    set_limit(RLIMIT_NOFILE, most_open_files);
    set_limit(RLIMIT_CORE, 0);
}

/// The hook's descriptors, one for each mount, may leave no number below the limit for a new one.
void close_other_descriptors(const Caged& caged) {
    for (int number = STDERR_FILENO + 1; number < most_open_files; ++number)
        if (number != caged.program.value && number != caged.scratch.value)
            close(number);
}

/// The kernel names a program that is executed by descriptor /dev/fd/NUMBER. TOMOYO before
/// Linux 6.11 looks that path up, and refuses the program if the name is missing: an empty file is
/// enough.
Status make_program_name(const Caged& caged) {
    close_other_descriptors(caged);
    const auto directory = GRAPNEL_TRY(sys::make_directory(caged.scratch, "fd"));
    return sys::make_file(directory.ref(), std::to_string(caged.program.value), "", 0400);
}

Status become(const Caged& caged, sys::FdRef messages, sys::FdRef parent) {
    const auto user = caged.user.value_or(sys::FileUser{.owner = sys::own_user()});
    GRAPNEL_TRY(sys::set_groups(user.groups)); // looks at the host's /proc
    GRAPNEL_TRY(enter_root(caged));
    GRAPNEL_TRY(attach_scratch(caged));
    GRAPNEL_TRY(sys::use_descriptors(messages, messages));
    GRAPNEL_TRY(sys::become_user(user.owner));
    GRAPNEL_TRY(sys::keep_capabilities({}));
    GRAPNEL_TRY(sys::end_with(parent)); // after the change of the user, which would clear it
    set_cage_limits();
    GRAPNEL_TRY(filter_ldconfig());
    auto failed = sys::execute(caged.program, caged.arguments);
    if (failed.error().sys != ENOENT)
        return failed;
    GRAPNEL_TRY(make_program_name(caged));
    return sys::execute(caged.program, caged.arguments);
}

/// The cause that a message names, if it says nothing about the object: see is_without_answer().
int transient_cause(std::string_view line) {
    for (const int cause :
         {EAGAIN, EDQUOT, EINTR, EIO, EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOSPC, EPERM})
        if (line.ends_with(std::string(": ") + strerrordesc_np(cause)))
            return cause;
    return 0;
}

Error transient(const std::string& name, std::string_view line, int cause) {
    line.remove_suffix(std::string_view(strerrordesc_np(cause)).size() + 2);
    return {.kind = Error::Kind::system, .what = name + ": " + quote(line), .sys = cause};
}

/// ldconfig leaves out a library that it could not read, and ends as if all was well.
Status all_was_read(const std::string& name, sys::FdRef messages) {
    constexpr std::size_t limit = std::size_t{16} << 20;
    if (lseek(messages.value, 0, SEEK_SET) != 0)
        return system_error("lseek");
    const auto text = GRAPNEL_TRY(sys::read_all(messages, limit, "messages"));
    for (const auto line : split(text, '\n')) {
        if (const int cause = transient_cause(line); cause != 0)
            return transient(name, line, cause);
        // of a file that it has opened
        if (line.find(": Cannot fstat file ") != line.npos
            || line.find(": Cannot mmap file ") != line.npos)
            return refused(name + " could not read a library: " + quote(line));
    }
    return {};
}

Status judge(const std::string& name, const sys::Ended& ended, sys::FdRef messages) {
    constexpr auto cure = "ldcache = \"off\" in the settings starts the container without it";
    switch (ended.how) {
    case sys::Ended::How::too_slow:
        return refused(name + " took longer than 30 seconds", cure);
    case sys::Ended::How::unkillable:
        return refused(name + " hangs in the kernel and cannot be ended", cure);
    case sys::Ended::How::by_signal:
    case sys::Ended::How::exited:
        break;
    }
    if (ended.how == sys::Ended::How::exited && ended.number == 0)
        return all_was_read(name, messages);
    const auto line = sys::last_line(messages);
    if (const int cause = transient_cause(line); cause != 0)
        return transient(name, line, cause);
    return refused(name + " " + sys::describe(ended, line), cure);
}

} // namespace

Status run_caged(const Caged& caged) {
    const auto messages = GRAPNEL_TRY(sys::memory_file("grapnel-messages", sys::MemoryFile::data));
    const auto ended = GRAPNEL_TRY(sys::run_child(
        {.become = [&](sys::FdRef parent) { return become(caged, messages.ref(), parent); },
         .errors = messages.ref(),
         .time_limit_ms = cage_time_limit_ms}));
    return judge(caged.arguments.front(), ended, messages.ref());
}

} // namespace grapnel::confine
