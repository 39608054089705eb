// SPDX-License-Identifier: Apache-2.0
#include "sys/program.hpp"

#include "sys/child.hpp"
#include "sys/file.hpp"

#include <array>
#include <climits>
#include <sys/xattr.h>
#include <unistd.h>

namespace grapnel::sys {

namespace {

constexpr int program_time_limit_ms = 120'000; // modprobe may take a minute of it

struct Files {
    Fd program = {};
    Fd input = {};
    Fd output = {};
    Fd errors = {};
};

Status become(const Files& files, const std::vector<std::string>& arguments, FdRef parent) {
    GRAPNEL_TRY(end_with(parent));
    GRAPNEL_TRY(use_descriptors(files.output.ref(), files.errors.ref()));
    if (dup3(files.input.ref().value, STDIN_FILENO, 0) < 0)
        return system_error("dup3");
    return execute(files.program.ref(), arguments);
}

/// "grapnel-hook: no driver is loaded" without its beginning.
std::string without_name(const std::string& line, std::string_view name) {
    const auto start = std::string(name) + ": ";
    return line.starts_with(start) ? line.substr(start.size()) : line;
}

Result<std::string> judge(std::string_view name, const Ended& ended, const Files& files,
                          std::size_t limit) {
    if (ended.how == Ended::How::too_slow || ended.how == Ended::How::unkillable)
        return refused(std::string(name) + " took longer than two minutes");
    const auto words = last_line(files.errors.ref());
    if (ended.how == Ended::How::exited && ended.number == 1 && !words.empty())
        return refused(without_name(words, name));
    if (ended.how != Ended::How::exited || ended.number != 0)
        return refused(std::string(name) + " " + describe(ended, words));
    if (lseek(files.output.ref().value, 0, SEEK_SET) != 0)
        return system_error("lseek");
    return read_all(files.output.ref(), limit, "the output of " + std::string(name));
}

} // namespace

Result<HostPath> own_program() {
    constexpr auto link = "/proc/self/exe";
    std::array<char, PATH_MAX> target{};
    const auto length = readlink(link, target.data(), target.size());
    if (length < 0)
        return system_error(std::string("readlink ") + link);
    std::string_view path(target.data(), static_cast<std::size_t>(length));
    // a file that was replaced while it runs, by an update: another one has its name
    constexpr std::string_view replaced = " (deleted)";
    if (path.ends_with(replaced)) {
        const auto named = GRAPNEL_TRY(HostPath::make(path));
        if (host_facts(named))
            return named;
        path.remove_suffix(replaced.size());
    }
    return HostPath::make(path);
}

bool is_program(const HostPath& path) {
    const auto found = host_facts(path);
    return found && found->type == FileFacts::Type::regular
           && access(path.text().c_str(), X_OK) == 0;
}

Result<bool> has_file_capabilities(const HostPath& path) {
    const auto file = GRAPNEL_TRY(open_host_file(path));
    return fgetxattr(file.ref().value, "security.capability", nullptr, 0) > 0;
}

bool is_same_file(const HostPath& one, const HostPath& other) {
    const auto first = host_facts(one);
    const auto second = host_facts(other);
    return first && second && first->id() == second->id();
}

Result<std::string> run_own_program(const HostPath& program,
                                    const std::vector<std::string>& arguments,
                                    std::string_view input, std::size_t limit) {
    Files files;
    files.program = GRAPNEL_TRY(open_host_file(program));
    files.input = GRAPNEL_TRY(memory_file("grapnel-input", MemoryFile::data));
    files.output = GRAPNEL_TRY(memory_file("grapnel-output", MemoryFile::data));
    files.errors = GRAPNEL_TRY(memory_file("grapnel-errors", MemoryFile::data));
    GRAPNEL_TRY(write_all(files.input.ref(), input, "input"));
    if (lseek(files.input.ref().value, 0, SEEK_SET) != 0)
        return system_error("lseek");
    std::vector<std::string> words{std::string(program.name())};
    words.insert(words.end(), arguments.begin(), arguments.end());
    const WaitableChildren waitable;
    const auto ended =
        GRAPNEL_TRY(run_child({.become = [&](FdRef parent) { return become(files, words, parent); },
                               .errors = files.errors.ref(),
                               .time_limit_ms = program_time_limit_ms,
                               .namespaces = Child::Namespaces::none}));
    return judge(program.name(), ended, files, limit);
}

Result<std::string> ask_program(const HostPath& program, const std::vector<std::string>& words,
                                std::size_t limit) {
    Files files;
    files.output = GRAPNEL_TRY(memory_file("grapnel-output", MemoryFile::data));
    files.errors = GRAPNEL_TRY(memory_file("grapnel-errors", MemoryFile::data));
    std::vector<char*> arguments;
    for (const auto& word : words)
        arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const auto ask = [&](FdRef parent) -> Status {
        GRAPNEL_TRY(end_with(parent));
        GRAPNEL_TRY(use_descriptors(files.output.ref(), files.errors.ref()));
        return become_program(program, arguments.data());
    };
    const WaitableChildren waitable;
    const auto ended = GRAPNEL_TRY(run_child({.become = ask,
                                              .errors = files.errors.ref(),
                                              .time_limit_ms = program_time_limit_ms,
                                              .namespaces = Child::Namespaces::none}));
    return judge(program.name(), ended, files, limit);
}

Status give_standard_input(std::string_view content) {
    const auto file = GRAPNEL_TRY(memory_file("grapnel-input", MemoryFile::data));
    GRAPNEL_TRY(write_all(file.ref(), content, "input"));
    if (lseek(file.ref().value, 0, SEEK_SET) != 0)
        return system_error("lseek");
    if (dup3(file.ref().value, STDIN_FILENO, 0) < 0)
        return system_error("dup3");
    return {};
}

Status become_program(const HostPath& program, char** arguments) {
    execv(program.text().c_str(), arguments);
    return system_error("execute " + program.text());
}

} // namespace grapnel::sys
