// SPDX-License-Identifier: Apache-2.0
#include "confine/helper.hpp"

#include "base/text.hpp"
#include "sys/child.hpp"
#include "sys/file.hpp"
#include "sys/kernel.hpp"
#include "sys/retry.hpp"

#include <algorithm>
#include <array>
#include <climits>
#include <csignal>
#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>

namespace grapnel::confine {

namespace {

constexpr std::size_t request_limit = PIPE_BUF; // write(2) of more is not atomic
enum Outcome : int { succeeded = 0, failed = 1, unasked = 2 };

/// An error for another process: errno, a line, and the cure.
std::string to_text(Error error) {
    const auto cause = std::to_string(error.sys);
    const auto cure = std::exchange(error.cure, {});
    error.sys = 0;
    return cause + "\n" + error.text() + "\n" + cure;
}

Error to_error(const std::string& text) {
    const auto line = text.find('\n');
    const auto cure = text.find('\n', std::min(line, text.size() - 1) + 1);
    if (cure == std::string::npos)
        return refused("a helper process failed");
    auto error = refused(text.substr(line + 1, cure - line - 1), text.substr(cure + 1));
    error.sys = parse_number<int>(text.substr(0, line)).value_or(0);
    return error;
}

/// One read(2) gives all of a request. The end of the pipe may never come: other helper processes
/// inherit its writing end.
std::string next_request(sys::FdRef pipe) {
    std::string request(request_limit, '\0');
    const auto length =
        sys::retried([&] { return read(pipe.value, request.data(), request.size()); });
    request.resize(length < 0 ? 0 : static_cast<std::size_t>(length));
    return request;
}

Outcome answer(const Helper::Work& work, sys::FdRef pipe, sys::FdRef answer) {
    const auto request = next_request(pipe);
    if (request.empty())
        return unasked;
    const auto result = work(request);
    const auto text = result ? *result : to_text(result.error());
    const auto outcome = result ? succeeded : failed;
    return sys::write_all(answer, std::to_string(outcome) + text, "the answer") ? outcome : failed;
}

} // namespace

Result<Helper> Helper::start(const std::function<Status()>& confine, const Work& work) {
    const sys::Fd self(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
    if (!self.valid())
        return sys::call_error("pidfd_open", "of this process");
    auto file = GRAPNEL_TRY(sys::memory_file("grapnel-answer", sys::MemoryFile::data));
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0)
        return system_error("pipe2");
    sys::Fd reading(ends[0]);
    sys::Fd writing(ends[1]);
    int pidfd = -1;
    const auto pid = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, nullptr, &pidfd, nullptr, nullptr);
    if (pid < 0)
        return sys::call_error("clone", "of a helper process");
    if (pid == 0) {
        writing = sys::Fd(); // else the pipe would never end
        _exit(sys::end_with(self.ref()) && confine() ? answer(work, reading.ref(), file.ref())
                                                     : unasked);
    }
    return Helper(sys::Fd(pidfd), std::move(writing), std::move(file));
}

void Helper::dismiss() const {
    syscall(SYS_pidfd_send_signal, pidfd_.ref().value, SIGKILL, nullptr, 0);
}

Status Helper::await_end(int time_limit_ms) const {
    if (!pidfd_.valid() || sys::ends_within(pidfd_.ref(), time_limit_ms))
        return {};
    return refused("a helper process does not end");
}

Helper::~Helper() {
    if (pidfd_.valid())
        static_cast<void>(sys::wait_for(pidfd_.ref(), 0)); // it has done nothing
}

Result<std::string> Helper::ask(std::string_view request, int time_limit_ms, std::size_t limit) {
    if (request.size() > request_limit)
        return refused("the request of a helper process is too long");
    const auto written = sys::write_all(request_.ref(), request, "the request of a helper process");
    request_ = sys::Fd();
    const bool in_time = sys::ends_within(pidfd_.ref(), time_limit_ms);
    const auto ended = sys::wait_for(pidfd_.ref(), 0); // an error: it is no child of this process
    pidfd_ = sys::Fd();
    GRAPNEL_TRY(written);
    if (!in_time)
        return refused("a helper process took longer than " + std::to_string(time_limit_ms / 1000)
                       + " seconds");
    if (ended && ended->how == sys::Ended::How::by_signal)
        return refused("a helper process " + sys::describe(*ended, ""));
    if (lseek(answer_.ref().value, 0, SEEK_SET) != 0)
        return system_error("lseek");
    const auto text =
        GRAPNEL_TRY(sys::read_all(answer_.ref(), limit, "the answer of a helper process"));
    const auto outcome = parse_number<int>(text.substr(0, 1));
    if (!outcome)
        return refused("a helper process ended without an answer");
    auto rest = text.substr(1);
    if (*outcome == failed)
        return to_error(rest);
    return rest;
}

} // namespace grapnel::confine
