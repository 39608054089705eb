// SPDX-License-Identifier: Apache-2.0
#include "provision/log.hpp"

#include "sys/file.hpp"
#include "sys/process.hpp"

#include <chrono>
#include <fmt/format.h>
#include <unistd.h>

namespace grapnel {

/// Without the C library's time zones: they are files that the environment names.
std::string timestamp() {
    namespace chrono = std::chrono;
    const auto time = chrono::floor<chrono::seconds>(chrono::system_clock::now());
    const auto day = chrono::floor<chrono::days>(time);
    const chrono::year_month_day date(day);
    const chrono::hh_mm_ss clock(time - day);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", int{date.year()},
                       unsigned{date.month()}, unsigned{date.day()}, clock.hours().count(),
                       clock.minutes().count(), clock.seconds().count());
}

void Log::to_stderr(std::string_view text) const {
    // nowhere is left to say that this failed
    (void)sys::write_all({STDERR_FILENO}, fmt::format("{}: {}\n", program_, text), "stderr");
}

void Log::write(std::string_view level, std::string_view text) const {
    if (file_.empty())
        return;
    const auto line = fmt::format("{} {}[{}] {} {}: {}", timestamp(), program_, getpid(),
                                  container_, level, text);
    // a log that cannot be written does not keep a container from its GPU
    if (sys::append_line(file_, line))
        return;
    const auto run = sys::own_run_directory();
    if (!run)
        return;
    const auto own = *run / "grapnel";
    if (sys::make_host_directory(own))
        (void)sys::append_line(own / "grapnel.log", line);
}

void Log::error(std::string_view text) const {
    write("error", text);
    to_stderr(text);
}

void Log::remark(std::string_view text) const {
    write("remark", text);
    if (remarks_to_stderr_)
        to_stderr(text);
}

} // namespace grapnel
