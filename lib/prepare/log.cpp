// SPDX-License-Identifier: Apache-2.0
#include "prepare/log.hpp"

#include "base/exit_code.hpp"
#include "base/format.hpp"
#include "base/text.hpp"
#include "sys/file.hpp"
#include "sys/log_places.hpp"
#include "sys/process.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>
#include <new>
#include <optional>
#include <unistd.h>

namespace grapnel {

namespace {

const std::string users_file = "grapnel.log";
constexpr std::uint64_t longest_file = std::uint64_t{16} << 20;
constexpr std::array<std::string_view, 4> level_names{"error", "warning", "notice", "info"};
constexpr std::array<int, 4> priorities{3, 4, 5, 6}; // of syslog(3)

std::string_view name_of(LogLevel level) {
    return level_names[static_cast<std::size_t>(level)];
}

int priority_of(LogLevel level) {
    return priorities[static_cast<std::size_t>(level)];
}

/// Of printable text.
std::string json_string(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\')
            out += '\\';
        out += c;
    }
    return out + "\"";
}

std::string milliseconds(double value) {
    return format_text("{:.2f}", value);
}

/// The log directory of a user without write access to the machine's log.
std::optional<sys::Fd> users_directory() {
    const auto run = sys::own_run_directory();
    if (!run)
        return std::nullopt;
    auto directory = sys::make_host_directory(*run / "grapnel");
    return directory ? std::optional(std::move(*directory)) : std::nullopt;
}

} // namespace

/// Without the C library's time zones: they are files that the environment names. `grapnel ps`
/// writes one for each container: a format string takes four times as long.
std::string timestamp(std::int64_t seconds) {
    namespace chrono = std::chrono;
    const chrono::sys_seconds time{chrono::seconds(seconds)};
    const auto day = chrono::floor<chrono::days>(time);
    const chrono::year_month_day date(day);
    std::string text = "0000-00-00T00:00:00Z";
    const auto put = [&](std::size_t last, std::int64_t value) {
        for (auto at = last; value > 0; --at, value /= 10)
            text[at] = static_cast<char>('0' + value % 10);
    };
    const auto second = (time - day).count();
    put(3, std::clamp(int{date.year()}, 0, 9999));
    put(6, unsigned{date.month()});
    put(9, unsigned{date.day()});
    put(12, second / 3600);
    put(15, second / 60 % 60);
    put(18, second % 60);
    return text;
}

std::string timestamp() {
    namespace chrono = std::chrono;
    const auto now = chrono::system_clock::now().time_since_epoch();
    return timestamp(chrono::floor<chrono::seconds>(now).count());
}

int guard(const Log& log, int internal, const std::function<int()>& work,
          const std::function<void(std::string_view)>& tell) {
    const auto fail = [&](const std::string& line, int code) {
        log.error(line);
        if (tell)
            tell(line);
        return code;
    };
    try {
        return work();
    } catch (const std::bad_alloc&) { // the memory of the work is free again
        return fail(out_of_memory, exit_refused);
    } catch (const std::exception& bug) {
        return fail(std::string("internal error: ") + bug.what(), internal);
    }
}

void Steps::end(std::string_view name) {
    const auto now = Clock::now();
    steps_.emplace_back(name, std::chrono::duration<double, std::milli>(now - last_).count());
    last_ = now;
}

std::string Steps::text() const {
    std::string out;
    for (const auto& [name, time] : steps_)
        out += (out.empty() ? "" : ", ") + std::string(name) + " " + milliseconds(time);
    const std::chrono::duration<double, std::milli> whole = last_ - begun_;
    return milliseconds(whole.count()) + " ms: " + out;
}

std::string Steps::json() const {
    std::string out;
    for (const auto& [name, time] : steps_)
        out += (out.empty() ? "" : ",") + json_string(name) + ":" + milliseconds(time);
    const std::chrono::duration<double, std::milli> whole = last_ - begun_;
    return "\"ms\":" + milliseconds(whole.count()) + ",\"steps\":{" + out + "}";
}

/// A socket that cannot be reached is no reason to keep a container from its GPU.
void Log::to(const Settings& settings) {
    file_ = settings.log;
    target_ = settings.log_target;
    format_ = settings.log_format;
    level_ = settings.log_level;
    if (target_ == LogTarget::file)
        return;
    const auto path = target_ == LogTarget::journal ? host_path("/run/systemd/journal/socket")
                                                    : host_path("/dev/log");
    if (auto socket = sys::connect_datagrams(path))
        socket_ = std::move(*socket);
}

void Log::of_container(std::string_view id, std::string_view engine) {
    constexpr std::size_t limit = 128;
    container_ = fit_line(id, limit);
    engine_ = engine;
}

void Log::to_stderr(std::string_view text) const {
    // nowhere is left to say that this failed
    (void)sys::write_all({STDERR_FILENO}, format_text("{}: {}\n", program_, fit_line(text)),
                         "stderr");
}

std::string Log::line_of(LogLevel level, std::string_view text, const Steps* steps) const {
    if (format_ == LogFormat::text)
        return format_text("{} {}[{}] {} {}: {}{}", timestamp(), program_, getpid(), container_,
                           name_of(level), fit_line(text),
                           steps == nullptr ? "" : "; " + steps->text());
    auto line = format_text(R"({{"time":"{}","program":{},"pid":{},"container":{},"engine":{},)"
                            R"("level":"{}","text":{})",
                            timestamp(), json_string(program_), getpid(), json_string(container_),
                            json_string(engine_), name_of(level), json_string(fit_line(text)));
    return line + (steps == nullptr ? "" : "," + steps->json()) + "}";
}

/// One datagram: fields of the journal, or the line of syslog (RFC 3164, facility daemon).
void Log::send(LogLevel level, std::string_view text, const Steps* steps) const {
    constexpr int daemon = 3 << 3;
    const auto line = fit_line(text) + (steps == nullptr ? "" : "; " + steps->text());
    const auto datagram =
        target_ == LogTarget::journal
            ? format_text(
                "MESSAGE={0}\nPRIORITY={1}\nSYSLOG_IDENTIFIER={2}\nGRAPNEL_CONTAINER={3}\n"
                "GRAPNEL_ENGINE={4}\n",
                format_ == LogFormat::json ? line_of(level, text, steps) : container_ + ": " + line,
                priority_of(level), program_, container_, engine_)
            : format_text("<{}>{}[{}]: {}", daemon | priority_of(level), program_, getpid(),
                          format_ == LogFormat::json
                              ? line_of(level, text, steps)
                              : format_text("{} {}: {}", container_, name_of(level), line));
    (void)sys::write_all(socket_.ref(), datagram, "log");
}

void Log::write(LogLevel level, std::string_view text, const Steps* steps) const {
    if (level > level_)
        return;
    if (target_ != LogTarget::file) {
        if (socket_.valid())
            send(level, text, steps);
    } else if (!file_.empty()) {
        append(line_of(level, text, steps));
    }
}

/// A log that cannot be written does not keep a container from its GPU.
void Log::append(std::string_view line) const {
    if (held_) {
        (void)std::ranges::any_of(*held_, [&](const auto& place) {
            return sys::append_line_in(place.directory.ref(), place.name, line).has_value();
        });
        return;
    }
    if (sys::append_line(file_, line))
        return;
    if (const auto own = users_directory())
        (void)sys::append_line_in(own->ref(), users_file, line);
}

std::vector<HostPath> Log::directories() const {
    std::vector<HostPath> out;
    if (!file_.empty())
        out.push_back(file_.parent());
    if (auto own = sys::own_run_directory())
        out.push_back(std::move(*own));
    return out;
}

void Log::allow_in(confine::FileRules& rules) const {
    constexpr auto append = confine::FileAccess::append;
    if (held_)
        for (const auto& place : *held_)
            rules.allow(place.directory.ref(), append);
    else
        for (const auto& directory : directories())
            rules.allow(directory, append);
}

std::uint64_t Log::bounded_size() const {
    const auto own = sys::own_run_directory();
    std::uint64_t longest = 0;
    for (const auto& path : {file_, own ? *own / "grapnel" / users_file : HostPath()})
        if (!path.empty())
            if (const auto found = sys::host_facts(path)) {
                if (found->size > longest_file)
                    sys::rotate_file(path, longest_file);
                longest = std::max(longest, found->size);
            }
    return longest;
}

void Log::hold() {
    held_.emplace();
    if (file_.empty())
        return;
    if (auto directory = sys::open_host_directory(file_.parent()))
        held_->push_back({std::move(*directory), std::string(file_.name())});
    if (auto own = users_directory())
        held_->push_back({std::move(*own), users_file});
}

void Log::error(std::string_view text) const {
    if (!caller_logs_error_)
        write(LogLevel::error, text);
    to_stderr(text);
}

void Log::warning(std::string_view text) const {
    if (collected_ != nullptr)
        collected_->warn(std::string(text));
    write_bounded(LogLevel::warning, text);
}

void Log::write(const Notices& notices) const {
    for (const auto& notice : notices.list)
        if (notice.severity == Severity::warning)
            warning(notice.text);
        else
            write_bounded(LogLevel::notice, notice.text);
}

void Log::info(std::string_view text, const Steps& steps) const {
    write(LogLevel::info, text, &steps);
}

void Log::debug(std::string_view text) const {
    if (warnings_to_stderr_)
        to_stderr(text);
}

void Log::write_bounded(LogLevel level, std::string_view text) const {
    if (bounded_left_ == 0)
        return;
    const auto size = std::min(text.size(), line_limit);
    if (size >= bounded_left_) {
        bounded_left_ = 0;
        text = "further warnings and notices are left out";
    } else {
        bounded_left_ -= size;
    }
    write(level, text);
    if (warnings_to_stderr_)
        to_stderr(text);
}

} // namespace grapnel
