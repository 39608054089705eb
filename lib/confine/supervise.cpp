// SPDX-License-Identifier: Apache-2.0
#include "confine/supervise.hpp"

#include "base/exit_code.hpp"
#include "confine/fatal_signal.hpp"
#include "confine/landlock.hpp"
#include "confine/phase.hpp"
#include "sys/child.hpp"
#include "sys/file.hpp"
#include "sys/kernel.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace grapnel::confine {

namespace {

constexpr int exit_without_work = 125;
constexpr int exit_fatal_signal = 124;

class Deadline {
  public:
    explicit Deadline(int milliseconds) : end_(now() + milliseconds) {}
    [[nodiscard]] int left() const { return static_cast<int>(std::max(end_ - now(), 0L)); }

  private:
    static long now() {
        timespec time{};
        clock_gettime(CLOCK_MONOTONIC, &time);
        return time.tv_sec * 1000 + time.tv_nsec / 1'000'000;
    }
    long end_;
};

struct Relayed {
    Status status = {};  ///< an error: the pipe could not be read
    bool closed = false; ///< by the child: it ended, before the deadline
    std::string end =
        {}; ///< the last bytes of the child's output; if any, the child has reported its failure
};

/// Copies from the pipe to standard error until the child has closed it.
Relayed relay(sys::FdRef pipe, const Deadline& deadline) {
    std::array<char, 4096> buffer{};
    Relayed relayed;
    for (;;) {
        pollfd ready{pipe.value, POLLIN, 0};
        const int count = poll(&ready, 1, deadline.left());
        if (count == 0)
            return relayed;
        const auto length = count < 0 ? -1 : read(pipe.value, buffer.data(), buffer.size());
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            relayed.status = system_error("read the messages of the work in the container");
        relayed.closed = length == 0;
        if (length <= 0)
            return relayed;
        constexpr std::size_t kept = 1024;
        relayed.end.append(buffer.data(), static_cast<std::size_t>(length));
        relayed.end.erase(0, relayed.end.size() - std::min(relayed.end.size(), kept));
        (void)sys::write_all({STDERR_FILENO}, {buffer.data(), static_cast<std::size_t>(length)},
                             "stderr"); // nobody is left to tell
    }
}

struct Pipe {
    sys::Fd from_child;
    sys::Fd to_parent;
};

/// A process that the work leaves behind must not keep the pipe open.
[[noreturn]] void be_child(sys::Fd parent, Pipe pipe, const std::function<int()>& work) {
    exit_on_fatal_signals_with(exit_fatal_signal);
    sys::stay_with(std::move(parent), exit_without_work);
    if (!sys::use_descriptors(pipe.to_parent.ref(), pipe.to_parent.ref()))
        _exit(exit_without_work);
    pipe = Pipe();
    _exit(work());
}

Error judge(const sys::Ended& ended, int time_limit_ms) {
    const std::string work = "the work in the container ";
    if (ended.how == sys::Ended::How::exited)
        return refused(work + "could not begin in a process of its own");
    if (ended.how == sys::Ended::How::by_signal)
        return refused(work + sys::describe(ended, ""));
    return refused(work + "took longer than " + std::to_string(time_limit_ms / 1000) + " seconds",
                   "a file system does not answer (FUSE, NFS): look at the container's volumes, at "
                   "where the image's links lead, and at the directories of the driver");
}

/// One failure is one line: if the child has told its own, nothing is added.
Result<Supervised> watch(sys::FdRef child, sys::FdRef pipe, int time_limit_ms) {
    const Deadline deadline(time_limit_ms);
    const auto relayed = relay(pipe, deadline);
    const auto ended = sys::wait_for(child, relayed.closed ? deadline.left() : 0);
    const bool was_ended = ended && ended->how != sys::Ended::How::exited;
    if (!relayed.end.empty() && (!relayed.status || !ended || was_ended))
        return Supervised{exit_refused};
    GRAPNEL_TRY(relayed.status);
    if (!ended)
        return ended.error();
    if (ended->how == sys::Ended::How::exited && ended->number == exit_fatal_signal)
        return Supervised{exit_refused, fatal_line_of(relayed.end)};
    if (ended->how == sys::Ended::How::exited && ended->number != exit_without_work)
        return Supervised{ended->number};
    return judge(*ended, time_limit_ms);
}

/// A supervisor has no other files.
Status confine_to_log(const std::vector<HostPath>& directories) {
    FileRules rules;
    for (const auto& directory : directories)
        rules.allow(directory, FileAccess::append);
    return rules.enforce();
}

} // namespace

Result<Supervised> supervise(int time_limit_ms, const std::vector<HostPath>& log_directories,
                             const std::function<int()>& work) {
    sys::Fd self(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
    if (!self.valid())
        return sys::call_error("pidfd_open", "of this process");
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0)
        return system_error("pipe2");
    Pipe pipe{.from_child = sys::Fd(ends[0]), .to_parent = sys::Fd(ends[1])};
    int pidfd = -1;
    const auto pid = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, nullptr, &pidfd, nullptr, nullptr);
    if (pid < 0)
        return sys::call_error("clone", "of the hook");
    if (pid == 0)
        be_child(std::move(self), std::move(pipe), work);
    const sys::Fd child(pidfd);
    pipe.to_parent = sys::Fd();
    const auto confined = confine_to_log(log_directories);
    GRAPNEL_TRY(begin_phase(Phase::done));
    auto watched = GRAPNEL_TRY(watch(child.ref(), pipe.from_child.ref(), time_limit_ms));
    watched.confined = confined;
    return watched;
}

} // namespace grapnel::confine
