// SPDX-License-Identifier: Apache-2.0
// Work that needs more system calls and Linux capabilities than this process keeps: a child process
// that is started before it gives them up, and waits.
#pragma once

#include "base/result.hpp"
#include "sys/fd.hpp"

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace grapnel::confine {

/// A helper process has the open files, the memory and the filters of this process. It works once,
/// when it is asked, and ends; it ends as well when this object or the process that started it
/// does.
class Helper {
  public:
    using Work = std::function<Result<std::string>(const std::string& request)>;

    /// `confine` drops all privileges that the work does not need, before the helper waits.
    [[nodiscard]] static Result<Helper> start(const std::function<Status()>& confine,
                                              const Work& work);
    Helper(Helper&&) = default;
    Helper(const Helper&) = delete;
    Helper& operator=(const Helper&) = delete;
    ~Helper();

    /// The result of its work, of at most `limit` bytes. An error if the work takes longer than
    /// `time_limit_ms` (the helper is killed) or fails; an error of the work is the result. A child
    /// of the process that started the helper can ask as well.
    [[nodiscard]] Result<std::string> ask(std::string_view request, int time_limit_ms,
                                          std::size_t limit);

    /// Kills it, and waits neither for its end nor for its exit status.
    void dismiss() const;

    /// Waits until it has ended, also in a child of this process. An error after that many
    /// milliseconds.
    [[nodiscard]] Status await_end(int time_limit_ms) const;

  private:
    Helper(sys::Fd pidfd, sys::Fd request, sys::Fd answer)
        : pidfd_(std::move(pidfd)), request_(std::move(request)), answer_(std::move(answer)) {}

    sys::Fd pidfd_;   ///< invalid once it was waited for
    sys::Fd request_; ///< writing end of a pipe
    sys::Fd answer_;  ///< a file in memory
};

} // namespace grapnel::confine
