// SPDX-License-Identifier: Apache-2.0
#include "prepare/log.hpp"

#include "base/exit_code.hpp"
#include "base/format.hpp"
#include "base/text.hpp"
#include "sys/file.hpp"
#include "sys/process.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <new>
#include <optional>
#include <unistd.h>

namespace grapnel {

namespace {

const std::string users_file = "grapnel.log";

/// The log directory of a user without write access to the machine's log.
std::optional<sys::Fd> users_directory() {
    const auto run = sys::own_run_directory();
    if (!run)
        return std::nullopt;
    auto directory = sys::make_host_directory(*run / "grapnel");
    return directory ? std::optional(std::move(*directory)) : std::nullopt;
}

} // namespace

/// Without the C library's time zones: they are files that the environment names.
std::string timestamp(std::int64_t seconds) {
    namespace chrono = std::chrono;
    const chrono::sys_seconds time{chrono::seconds(seconds)};
    const auto day = chrono::floor<chrono::days>(time);
    const chrono::year_month_day date(day);
    const chrono::hh_mm_ss clock(time - day);
    return format_text("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", int{date.year()},
                       unsigned{date.month()}, unsigned{date.day()}, clock.hours().count(),
                       clock.minutes().count(), clock.seconds().count());
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
        return fail("out of memory: the machine's, the cgroup's, or its own limit of 1 GiB",
                    exit_refused);
    } catch (const std::exception& bug) {
        return fail(std::string("internal error: ") + bug.what(), internal);
    }
}

void Log::of_container(std::string_view id) {
    constexpr std::size_t limit = 128;
    container_ = fit_line(id, limit);
}

void Log::to_stderr(std::string_view text) const {
    // nowhere is left to say that this failed
    (void)sys::write_all({STDERR_FILENO}, format_text("{}: {}\n", program_, fit_line(text)),
                         "stderr");
}

void Log::write(std::string_view level, std::string_view text) const {
    if (file_.empty())
        return;
    const auto line = format_text("{} {}[{}] {} {}: {}", timestamp(), program_, getpid(),
                                  container_, level, fit_line(text));
    append(line);
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

std::uint64_t Log::size() const {
    const auto own = sys::own_run_directory();
    std::uint64_t longest = 0;
    for (const auto& path : {file_, own ? *own / "grapnel" / users_file : HostPath()})
        if (!path.empty())
            if (const auto found = sys::host_facts(path))
                longest = std::max(longest, found->size);
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
        write("error", text);
    to_stderr(text);
}

void Log::warning(std::string_view text) const {
    if (collected_ != nullptr)
        collected_->emplace_back(text);
    remark("warning", text);
}

void Log::notice(std::string_view text) const {
    remark("notice", text);
}

void Log::debug(std::string_view text) const {
    if (warnings_to_stderr_)
        to_stderr(text);
}

void Log::remark(std::string_view level, std::string_view text) const {
    if (remarks_left_ == 0)
        return;
    const auto size = std::min(text.size(), line_limit);
    if (size >= remarks_left_) {
        remarks_left_ = 0;
        text = "further warnings and notices are left out";
    } else {
        remarks_left_ -= size;
    }
    write(level, text);
    if (warnings_to_stderr_)
        to_stderr(text);
}

} // namespace grapnel
