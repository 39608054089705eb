// SPDX-License-Identifier: Apache-2.0
#include "confine/fatal_signal.hpp"

#include "base/exit_code.hpp"
#include "base/text.hpp"
#include "confine/limits.hpp"
#include "seccomp_filters.hpp"

#include <array>
#include <csignal>
#include <cstddef>
#include <string_view>
#include <unistd.h>

namespace grapnel::confine {

namespace {

const char* program_name = "";
int exit_status = exit_refused;

/// Nothing but writes to the stack: a handler of signals can call little (signal-safety(7)).
class Line {
  public:
    void add(std::string_view text) {
        for (const char c : text)
            if (length_ < bytes_.size())
                bytes_[length_++] = c;
    }
    void add_number(int number) {
        std::array<char, 12> digits{};
        std::size_t at = digits.size();
        auto rest = static_cast<unsigned>(number);
        do
            digits[--at] = static_cast<char>('0' + rest % 10);
        while ((rest /= 10) != 0);
        add({digits.data() + at, digits.size() - at});
    }
    [[nodiscard]] std::string_view text() const { return {bytes_.data(), length_}; }

  private:
    std::array<char, 256> bytes_{};
    std::size_t length_ = 0;
};

std::string_view name_of(int number) {
    std::string_view names(call_names, sizeof call_names - 1);
    for (int i = 0; i < number && !names.empty(); ++i)
        names.remove_prefix(names.find('\0') + 1);
    return names.substr(0, names.find('\0'));
}

[[noreturn]] void end_with(const Line& line) {
    (void)!write(STDERR_FILENO, line.text().data(), line.text().size());
    _exit(exit_status);
}

void end_on_denied_call(int /*signal*/, siginfo_t* info, void* /*context*/) {
    Line line;
    line.add(program_name);
    line.add(": system call ");
    const auto name = name_of(info->si_syscall);
    line.add(name.empty() ? std::string_view("with number") : name);
    line.add(" (");
    line.add_number(info->si_syscall);
    line.add(") is not on the allow list of this phase: please report this line\n");
    end_with(line);
}

void end_on_cpu_limit(int /*signal*/, siginfo_t* /*info*/, void* /*context*/) {
    Line line;
    line.add(program_name);
    line.add(": config.json or the image took more CPU time than the limit of ");
    line.add_number(static_cast<int>(cpu_limit_s));
    line.add(" seconds, or the lower one of its caller: make config.json smaller, or the "
             "configuration of the image's loader\n");
    end_with(line);
}

void handle(int signal, void (*handler)(int, siginfo_t*, void*)) {
    struct sigaction action {};
    action.sa_sigaction = handler;
    action.sa_flags = static_cast<int>(SA_SIGINFO | SA_RESETHAND);
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(signal, &action, nullptr);
}

} // namespace

void end_on_fatal_signals(const char* program) {
    program_name = program;
    handle(SIGSYS, end_on_denied_call);
    handle(SIGXCPU, end_on_cpu_limit);
}

void exit_on_fatal_signals_with(int status) {
    exit_status = status;
}

std::string fatal_line_of(std::string_view output) {
    output = trim(output);
    output.remove_prefix(output.rfind('\n') + 1);
    const auto name = output.find(": ");
    return std::string(name == std::string_view::npos ? output : output.substr(name + 2));
}

} // namespace grapnel::confine
