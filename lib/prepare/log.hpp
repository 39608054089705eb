// SPDX-License-Identifier: Apache-2.0
// Where a program says things: standard error, and the settings' log file, because some runtimes
// throw a hook's output away.
#pragma once

#include "base/notices.hpp"
#include "base/path.hpp"
#include "confine/landlock.hpp"
#include "settings/settings.hpp"
#include "sys/fd.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace grapnel {

/// How long each step of a program's work took.
class Steps {
  public:
    /// The time since the last step, or since this was made.
    void end(std::string_view name);
    /// "4.2 ms: read 0.4, plan 1.1, apply 2.7".
    [[nodiscard]] std::string text() const;
    /// "ms":4.2,"steps":{"read":0.4}
    [[nodiscard]] std::string json() const;

  private:
    using Clock = std::chrono::steady_clock;
    Clock::time_point begun_ = Clock::now();
    Clock::time_point last_ = begun_;
    std::vector<std::pair<std::string_view, double>> steps_ = {}; ///< in milliseconds
};

class Log {
  public:
    /// `program` stands at the beginning of each line.
    explicit Log(std::string program) : program_(std::move(program)) {}

    /// Until the settings are known, to their default.
    void to_file(HostPath file) { file_ = std::move(file); }
    /// As the settings say. Before a filter that has no sockets: one of the journal is opened here.
    void to(const Settings& settings);
    void of_container(std::string_view id, std::string_view engine = {});
    /// The caller of this program writes its failure into the log.
    void leave_error_to_caller() { caller_logs_error_ = true; }
    void warnings_to_stderr(bool yes) { warnings_to_stderr_ = yes; }
    /// Warnings are added there as well.
    void collect_warnings(Notices& warnings) { collected_ = &warnings; }

    /// Where its file can be.
    [[nodiscard]] std::vector<HostPath> directories() const;

    /// Leaves its file to a process that gives up others.
    void allow_in(confine::FileRules& rules) const;

    /// The length of the file; 0 without one. A file that has become too long is first renamed to
    /// NAME.1, in the place of an earlier one.
    [[nodiscard]] std::uint64_t bounded_size() const;

    /// Before another mount namespace is entered, where the file's path can lead elsewhere: from
    /// now on its directory is held open.
    void hold();

    /// In the file alone: another process has written it to standard error.
    void record_error(std::string_view text) const { write(LogLevel::error, text); }
    /// One line on standard error and in the file.
    void error(std::string_view text) const;
    /// A line in the file, and on standard error where that was asked for. All warnings and
    /// notices of a run are 64 KiB at most: an image can cause as many as it likes.
    void warning(std::string_view text) const;
    /// Each by its severity.
    void write(const Notices& notices) const;
    /// A line about a start that was made, with the milliseconds of its steps.
    void info(std::string_view text, const Steps& steps) const;
    /// On standard error alone, where warnings are written there too: of no use to most readers.
    void debug(std::string_view text) const;

  private:
    struct Place {
        sys::Fd directory;
        std::string name;
    };

    void write(LogLevel level, std::string_view text, const Steps* steps = nullptr) const;
    [[nodiscard]] std::string line_of(LogLevel level, std::string_view text,
                                      const Steps* steps) const;
    void send(LogLevel level, std::string_view text, const Steps* steps) const;
    void write_bounded(LogLevel level, std::string_view text) const;
    void append(std::string_view line) const;
    void to_stderr(std::string_view text) const;

    std::string program_;
    HostPath file_ = {};
    std::string container_ = "-";
    std::string engine_ = {};
    LogTarget target_ = LogTarget::file;
    LogFormat format_ = LogFormat::text;
    LogLevel level_ = LogLevel::notice;
    sys::Fd socket_ = {}; ///< of the journal or syslog; invalid: it cannot be reached
    bool warnings_to_stderr_ = false;
    bool caller_logs_error_ = false;
    Notices* collected_ = nullptr;
    mutable std::size_t bounded_left_ = std::size_t{64} << 10; ///< bytes
    /// In the order in which they are tried; nothing: the paths are as they were.
    std::optional<std::vector<Place>> held_ = {};
};

inline constexpr auto out_of_memory =
    "out of memory: the machine's, the cgroup's, or its own limit of 1 GiB";

/// Runs a program's work and returns its exit code: exit_refused where memory is lacking,
/// `internal` where the work ends by another exception, a mistake in Grapnel. Both are one line of
/// the log, which `tell` gets as well.
[[nodiscard]] int guard(const Log& log, int internal, const std::function<int()>& work,
                        const std::function<void(std::string_view)>& tell = {});

/// In UTC: 2026-01-31T23:59:59Z. Of seconds since 1970, or now.
[[nodiscard]] std::string timestamp(std::int64_t seconds);
[[nodiscard]] std::string timestamp();

} // namespace grapnel
