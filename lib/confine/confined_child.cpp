// SPDX-License-Identifier: Apache-2.0
#include "confine/confined_child.hpp"

#include "confine/fatal_signal.hpp"
#include "confine/limits.hpp"
#include "confine/seccomp.hpp"
#include "confine/supervise.hpp"
#include "sys/capabilities.hpp"
#include "sys/child.hpp"
#include "sys/file.hpp"
#include "sys/privilege.hpp"

#include <exception>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace grapnel::confine {

namespace {

constexpr int computation_limit_ms = 20'000;
// below a container's, so that a start says that a file system of the host is late
constexpr int look_limit_ms = 45'000;
static_assert(look_limit_ms < container_time_limit_ms);
constexpr int exit_with_error = 1; ///< the output is the error's text
constexpr int exit_with_line = 2;  ///< the output is the line of a fatal signal
constexpr int exit_with_part = 3;  ///< the output is a part of the result

void set_limits(std::size_t output_limit) {
    set_limit(RLIMIT_CPU, 10);
    set_limit(RLIMIT_CORE, 0);
    set_limit(RLIMIT_FSIZE, output_limit);
    set_limit(RLIMIT_NOFILE, 0);
    set_limit(RLIMIT_NPROC, 0);
#ifndef GRAPNEL_SANITIZED // AddressSanitizer's shadow memory is larger than any limit
    set_limit(RLIMIT_DATA, std::uint64_t{1} << 30);
#endif
}

/// Closes every file of the engine, its terminal included.
Status keep_standard_output() {
    close(STDIN_FILENO);
    close(STDERR_FILENO);
    return sys::close_inherited_descriptors();
}

Status confine(sys::FdRef parent, std::size_t limit) {
    GRAPNEL_TRY(sys::end_with(parent));
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return system_error("prctl PR_SET_DUMPABLE");
    GRAPNEL_TRY(keep_standard_output());
    GRAPNEL_TRY(sys::drop_bounding_set({}));
    GRAPNEL_TRY(sys::keep_capabilities({}));
    GRAPNEL_TRY(sys::set_no_new_privileges());
    set_limits(limit);
    return filter_computation();
}

/// A process that hangs in the kernel must hold nothing that others wait for: a descriptor of an
/// engine, of a root file system or of a pipe. A look that was taken over cannot use one either.
Status begin_look(sys::FdRef parent) {
    GRAPNEL_TRY(sys::end_with(parent));
    exit_on_fatal_signals_with(exit_with_line);
    if (dup3(STDOUT_FILENO, STDERR_FILENO, 0) < 0)
        return system_error("dup3");
    close(STDIN_FILENO);
    return sys::close_inherited_descriptors();
}

/// An exception must not reach this copy of main().
Result<std::string> run(const Computation& compute) {
    try {
        return compute();
    } catch (const std::exception& bug) {
        return refused(std::string("internal error: ") + bug.what());
    }
}

[[noreturn]] void end_with_result(sys::FdRef output, const Result<std::string>& result) {
    const auto written =
        sys::write_all(output, result ? *result : result.error().text(), "the result");
    if (!written)
        _exit(exit_with_part);
    _exit(result ? 0 : exit_with_error);
}

struct Task {
    std::string name;
    int time_limit_ms;
    std::size_t limit; ///< of the result, in bytes
    std::function<Status(sys::FdRef parent)> begin;
    const Computation& compute;
    const char* cure_if_late = "";
};

[[noreturn]] void be_child(sys::FdRef parent, sys::FdRef output, const Task& task) {
    // first of all: an engine reads the standard output of the runtime
    if (dup3(output.value, STDOUT_FILENO, 0) < 0)
        end_with_result(output, system_error("dup3"));
    const auto begun = task.begin(parent);
    end_with_result({STDOUT_FILENO},
                    begun ? run(task.compute) : Result<std::string>(begun.error()));
}

Error failure(const sys::Ended& ended, const std::string& words, const Task& task) {
    if (ended.how == sys::Ended::How::too_slow || ended.how == sys::Ended::How::unkillable)
        return refused(task.name + " took longer than " + std::to_string(task.time_limit_ms / 1000)
                           + " seconds",
                       task.cure_if_late);
    if (ended.how == sys::Ended::How::exited && ended.number == exit_with_error && !words.empty())
        return refused(words);
    if (ended.how == sys::Ended::How::exited && ended.number == exit_with_line)
        return refused(fatal_line_of(words));
    if (ended.how == sys::Ended::How::exited && ended.number == exit_with_part)
        return refused(task.name
                       + " could not write its result: the machine has too little memory, or the "
                         "caller's limit on the length of files is too low");
    return refused(task.name + " " + sys::describe(ended, ""));
}

Result<std::string> result_of(const Task& task) {
    const auto output = GRAPNEL_TRY(sys::memory_file("grapnel-output", sys::MemoryFile::data));
    const sys::WaitableChildren waitable;
    const auto ended = GRAPNEL_TRY(sys::run_child(
        {.become = [&](sys::FdRef parent) -> Status { be_child(parent, output.ref(), task); },
         .errors = output.ref(),
         .time_limit_ms = task.time_limit_ms,
         .namespaces = sys::Child::Namespaces::none}));
    if (lseek(output.ref().value, 0, SEEK_SET) != 0)
        return system_error("lseek");
    auto text = GRAPNEL_TRY(sys::read_all(output.ref(), task.limit, "the result of " + task.name));
    if (ended.how != sys::Ended::How::exited || ended.number != 0)
        return failure(ended, text, task);
    return text;
}

} // namespace

Result<std::string> compute_confined(std::size_t limit, const Computation& compute) {
    return result_of({.name = "the confined process",
                      .time_limit_ms = computation_limit_ms,
                      .limit = limit,
                      .begin = [&](sys::FdRef parent) { return confine(parent, limit); },
                      .compute = compute});
}

Result<std::string> work_within(int time_limit_ms, std::size_t limit, const Computation& work) {
    return result_of({.name = "the work",
                      .time_limit_ms = time_limit_ms,
                      .limit = limit,
                      .begin = sys::end_with,
                      .compute = work,
                      .cure_if_late = "a file system does not answer: look at the bundle's and the "
                                      "image's (FUSE, NFS)"});
}

Result<std::string> look_apart(std::size_t limit, const Computation& look) {
    return result_of({.name = "the look at the host",
                      .time_limit_ms = look_limit_ms,
                      .limit = limit,
                      .begin = begin_look,
                      .compute = look,
                      .cure_if_late = late_host_cure});
}

} // namespace grapnel::confine
