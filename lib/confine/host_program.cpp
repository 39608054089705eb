// SPDX-License-Identifier: Apache-2.0
#include "confine/host_program.hpp"

#include "base/text.hpp"
#include "confine/limits.hpp"
#include "confine/sealed_copy.hpp"
#include "confine/seccomp.hpp"
#include "sys/capabilities.hpp"
#include "sys/child.hpp"
#include "sys/file.hpp"
#include "sys/mount.hpp"
#include "sys/privilege.hpp"

#include <sys/resource.h>
#include <unistd.h>

namespace grapnel::confine {

namespace {

constexpr int host_program_time_limit_ms = 10'000;
constexpr std::uint64_t output_limit = 64 << 10;

struct Files {
    sys::Fd program = {};
    sys::Fd output = {};
    sys::Fd errors = {};
};

/// The length of a file is the limit of each of the two outputs: nothing else can be written to.
void set_host_program_limits() {
    constexpr std::uint64_t mebibyte = 1 << 20;
    set_limit(RLIMIT_CPU, 10);
    set_limit(RLIMIT_DATA, 512 * mebibyte);
    set_limit(RLIMIT_FSIZE, output_limit);
    set_limit(RLIMIT_NOFILE, 1024);
    set_limit(RLIMIT_CORE, 0);
}

Status become(const HostProgram& program, const Files& files, sys::FdRef parent) {
    GRAPNEL_TRY(sys::set_options_recursively("/", {.read_only = true}));
    // away from the terminal that the runtime was started at: ioctl(2) could type on it
    if (setsid() < 0)
        return system_error("setsid");
    if (chdir("/") != 0)
        return system_error("chdir");
    GRAPNEL_TRY(sys::use_descriptors(files.output.ref(), files.errors.ref()));
    set_host_program_limits();
    GRAPNEL_TRY(sys::set_groups({}));
    GRAPNEL_TRY(sys::become_user({program.user, program.group}));
    GRAPNEL_TRY(sys::keep_capabilities({}));
    GRAPNEL_TRY(sys::end_with(parent)); // after the change of the user
    GRAPNEL_TRY(sys::set_no_new_privileges());
    GRAPNEL_TRY(filter_probe());
    std::vector<std::string> arguments{program.program.text()};
    arguments.insert(arguments.end(), program.arguments.begin(), program.arguments.end());
    return sys::execute(files.program.ref(), arguments);
}

Result<std::string> judge(const std::string& name, const sys::Ended& ended, const Files& files) {
    switch (ended.how) {
    case sys::Ended::How::too_slow:
        return refused(name + " took longer than 10 seconds");
    case sys::Ended::How::unkillable:
        return refused(name + " hangs in the kernel and cannot be ended");
    case sys::Ended::How::by_signal:
    case sys::Ended::How::exited:
        break;
    }
    if (ended.how != sys::Ended::How::exited || ended.number != 0)
        return refused(name + " " + sys::describe(ended, sys::last_line(files.errors.ref())));
    if (lseek(files.output.ref().value, 0, SEEK_SET) != 0)
        return system_error("lseek");
    return sys::read_all(files.output.ref(), output_limit, "the output of " + name);
}

} // namespace

Result<std::string> run_without_rights(const HostProgram& program) {
    Files files;
    files.program = GRAPNEL_TRY(sealed_copy(program.program));
    files.output = GRAPNEL_TRY(sys::memory_file("grapnel-output", sys::MemoryFile::data));
    files.errors = GRAPNEL_TRY(sys::memory_file("grapnel-errors", sys::MemoryFile::data));
    const auto ended = GRAPNEL_TRY(
        sys::run_child({.become = [&](sys::FdRef parent) { return become(program, files, parent); },
                        .errors = files.errors.ref(),
                        .time_limit_ms = host_program_time_limit_ms}));
    return judge(std::string(program.program.name()), ended, files);
}

} // namespace grapnel::confine
