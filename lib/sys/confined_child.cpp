// SPDX-License-Identifier: Apache-2.0
#include "sys/confined_child.hpp"

#include "sys/capabilities.hpp"
#include "sys/child.hpp"
#include "sys/file.hpp"
#include "sys/limits.hpp"
#include "sys/privilege.hpp"
#include "sys/seccomp.hpp"

#include <exception>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace grapnel::sys {

namespace {

constexpr int time_limit_ms = 20'000;
constexpr int exit_with_error = 1; ///< the output is the error's text

void set_limits(std::size_t output_limit) {
    set_limit(RLIMIT_CPU, 10);
    set_limit(RLIMIT_CORE, 0);
    set_limit(RLIMIT_FSIZE, output_limit);
    set_limit(RLIMIT_NOFILE, 0);
    set_limit(RLIMIT_NPROC, 0);
#ifndef __SANITIZE_ADDRESS__ // its shadow memory is larger than any limit
    set_limit(RLIMIT_DATA, std::uint64_t{1} << 30);
#endif
}

/// Closes every file of the engine, its terminal included.
Status keep_standard_output() {
    close(STDIN_FILENO);
    close(STDERR_FILENO);
    return close_inherited_descriptors();
}

Status confine(FdRef parent, std::size_t limit) {
    GRAPNEL_TRY(end_with(parent));
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return system_error("prctl PR_SET_DUMPABLE");
    GRAPNEL_TRY(keep_standard_output());
    GRAPNEL_TRY(drop_bounding_set({}));
    GRAPNEL_TRY(keep_capabilities({}));
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return system_error("prctl PR_SET_NO_NEW_PRIVS");
    set_limits(limit);
    return filter_computation();
}

/// An exception must not reach this copy of main().
Result<std::string> run(const Computation& compute) {
    try {
        return compute();
    } catch (const std::exception& bug) {
        return refused(std::string("internal error: ") + bug.what());
    }
}

[[noreturn]] void end_with_result(FdRef output, const Result<std::string>& result) {
    const auto written = write_all(output, result ? *result : result.error().text(), "the result");
    _exit(result && written ? 0 : exit_with_error);
}

[[noreturn]] void be_child(FdRef parent, FdRef output, std::size_t limit,
                           const Computation& compute) {
    // first of all: an engine reads the standard output of the runtime
    if (dup3(output.value, STDOUT_FILENO, 0) < 0)
        end_with_result(output, system_error("dup3"));
    const auto confined = confine(parent, limit);
    end_with_result({STDOUT_FILENO},
                    confined ? run(compute) : Result<std::string>(confined.error()));
}

Error failure(const Ended& ended, const std::string& words) {
    const std::string process = "the confined process ";
    if (ended.how == Ended::How::too_slow || ended.how == Ended::How::unkillable)
        return refused(process + "took longer than " + std::to_string(time_limit_ms / 1000)
                       + " seconds");
    if (ended.how == Ended::How::exited && ended.number == exit_with_error && !words.empty())
        return refused(words);
    return refused(process + describe(ended, ""));
}

} // namespace

Result<std::string> compute_confined(std::size_t limit, const Computation& compute) {
    const auto output = GRAPNEL_TRY(memory_file("grapnel-output", MemoryFile::data));
    const WaitableChildren waitable;
    const auto ended = GRAPNEL_TRY(run_child(
        {.become = [&](FdRef parent) -> Status { be_child(parent, output.ref(), limit, compute); },
         .errors = output.ref(),
         .time_limit_ms = time_limit_ms,
         .namespaces = Child::Namespaces::none}));
    if (lseek(output.ref().value, 0, SEEK_SET) != 0)
        return system_error("lseek");
    auto text = GRAPNEL_TRY(read_all(output.ref(), limit, "the result of the confined process"));
    if (ended.how != Ended::How::exited || ended.number != 0)
        return failure(ended, text);
    return text;
}

} // namespace grapnel::sys
