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
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

namespace grapnel::confine {

namespace {

constexpr int exit_without_work = 125;
constexpr int exit_fatal_signal = 124;
constexpr std::size_t kept_output_limit = std::size_t{64} << 20;

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
    Status status = {};   ///< an error: the pipe could not be read
    bool closed = false;  ///< by the child: it ended, before the deadline
    std::string end = {}; ///< the last bytes of the child's messages
};

/// Copies from the pipe to standard error until the child has closed it.
Relayed relay(sys::FdRef pipe, const Deadline& deadline) {
    std::array<char, 4096> buffer{};
    Relayed relayed;
    bool has_failed = false;
    for (;;) {
        pollfd ready{pipe.value, POLLIN, 0};
        const int count = poll(&ready, 1, deadline.left());
        if (count == 0)
            return relayed;
        const auto length = count < 0 ? -1 : read(pipe.value, buffer.data(), buffer.size());
        if (length < 0 && (errno == EINTR || !std::exchange(has_failed, true)))
            continue; // over one failure, which would be a second line beside the child's own
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

/// Shared with the child: the work's result, before the child's exit, which a file system can hold
/// up as well.
class SharedResult {
  public:
    [[nodiscard]] static Result<SharedResult> make() {
        void* const memory =
            mmap(nullptr, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
            return system_error("mmap");
        SharedResult made(static_cast<int*>(memory));
        *made.value_ = none;
        return made;
    }
    void set(int code) const { *value_ = code; }
    [[nodiscard]] bool is_failure() const { return *value_ != none && *value_ != 0; }
    [[nodiscard]] int code() const { return *value_; }

  private:
    static constexpr int none = -1;
    explicit SharedResult(int* value) : value_(value) {}
    volatile int* value_; // as long as the process
};

/// The means by which the child answers.
struct Answer {
    Pipe messages;
    sys::Fd output; ///< a file in memory; invalid: its output is messages as well
    SharedResult result;
};

Result<Answer> make_answer(Supervision::Subject subject) {
    auto result = GRAPNEL_TRY(SharedResult::make());
    sys::Fd output;
    if (subject == Supervision::Subject::host)
        output = GRAPNEL_TRY(sys::memory_file("grapnel-output", sys::MemoryFile::data));
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0)
        return system_error("pipe2");
    return Answer{.messages = {.from_child = sys::Fd(ends[0]), .to_parent = sys::Fd(ends[1])},
                  .output = std::move(output),
                  .result = result};
}

/// A process that the work leaves behind must not keep the pipe open.
[[noreturn]] void be_child(sys::Fd parent, Answer answer, const std::function<int()>& work) {
    exit_on_fatal_signals_with(exit_fatal_signal);
    sys::stay_with(std::move(parent), exit_without_work);
    const auto messages = answer.messages.to_parent.ref();
    if (!sys::use_descriptors(answer.output.valid() ? answer.output.ref() : messages, messages))
        _exit(exit_without_work);
    answer.messages = Pipe();
    answer.output = sys::Fd();
    const int code = work();
    answer.result.set(code);
    _exit(code);
}

Error judge(const sys::Ended& ended, const Supervision& supervision) {
    const bool is_host = supervision.subject == Supervision::Subject::host;
    const std::string work = is_host ? "the look at the host " : "the work in the container ";
    if (ended.how == sys::Ended::How::exited)
        return refused(work + "could not begin in a process of its own");
    if (ended.how == sys::Ended::How::by_signal)
        return refused(work + sys::describe(ended, ""));
    return refused(work + "took longer than " + std::to_string(supervision.time_limit_ms / 1000)
                       + " seconds",
                   is_host ? late_host_cure
                           : "a file system does not answer (FUSE, NFS): look at the container's "
                             "volumes, at where the image's links lead, and at the directories of "
                             "the driver");
}

Status print_output(sys::FdRef output) {
    if (lseek(output.value, 0, SEEK_SET) != 0)
        return system_error("lseek");
    return sys::write_all({STDOUT_FILENO},
                          GRAPNEL_TRY(sys::read_all(output, kept_output_limit, "the output")),
                          "stdout");
}

/// One failure is one line: if the child has told its own, nothing is added.
Result<Supervised> watch(sys::FdRef child, const Answer& answer, const Supervision& supervision) {
    const Deadline deadline(supervision.time_limit_ms);
    const auto relayed = relay(answer.messages.from_child.ref(), deadline);
    const auto ended = sys::wait_for(child, relayed.closed ? deadline.left() : 0);
    const bool has_exited = ended && ended->how == sys::Ended::How::exited;
    if (!has_exited && answer.result.is_failure())
        return Supervised{answer.result.code()};
    GRAPNEL_TRY(relayed.status);
    if (!ended)
        return ended.error();
    if (has_exited && ended->number == exit_fatal_signal)
        return Supervised{exit_refused, fatal_line_of(relayed.end)};
    if (!has_exited || ended->number == exit_without_work)
        return judge(*ended, supervision);
    if (answer.output.valid())
        GRAPNEL_TRY(print_output(answer.output.ref()));
    return Supervised{ended->number};
}

/// A supervisor has no other files.
Status confine_to_log(const std::vector<HostPath>& directories) {
    FileRules rules;
    for (const auto& directory : directories)
        rules.allow(directory, FileAccess::append);
    return rules.enforce();
}

} // namespace

Result<Supervised> supervise(const Supervision& supervision,
                             const std::vector<HostPath>& log_directories,
                             const std::function<int()>& work) {
    sys::Fd self(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
    if (!self.valid())
        return sys::call_error("pidfd_open", "of this process");
    auto answer = GRAPNEL_TRY(make_answer(supervision.subject));
    int pidfd = -1;
    const auto pid = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, nullptr, &pidfd, nullptr, nullptr);
    if (pid < 0)
        return sys::call_error("clone", "of the hook");
    if (pid == 0)
        be_child(std::move(self), std::move(answer), work);
    const sys::Fd child(pidfd);
    answer.messages.to_parent = sys::Fd();
    const auto confined = confine_to_log(log_directories);
    GRAPNEL_TRY(begin_phase(Phase::done));
    auto watched = GRAPNEL_TRY(watch(child.ref(), answer, supervision));
    watched.confined = confined;
    return watched;
}

} // namespace grapnel::confine
