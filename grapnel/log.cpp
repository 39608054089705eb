// SPDX-License-Identifier: Apache-2.0
// grapnel log and grapnel blame: a container's lines of the log.
#include "base/format.hpp"
#include "base/text.hpp"
#include "json.hpp"
#include "log_file.hpp"
#include "look.hpp"
#include "prepare/settings_file.hpp"
#include "sys/file.hpp"
#include "sys/host_fs.hpp"

namespace grapnel {

namespace {

bool is_missing(const std::string& text) {
    const auto path = HostPath::make(text);
    const auto found = path ? sys::host_facts(*path) : Result<sys::FileFacts>(path.error());
    return !found && sys::is_missing(found.error());
}

/// The settings' log, which must be a file.
Result<HostPath> log_file() {
    const auto settings = load_settings(std::nullopt, Variables::count).settings;
    if (settings.log_target == LogTarget::journal)
        return refused("the log is systemd's journal", "run 'journalctl GRAPNEL_CONTAINER=ID'");
    if (settings.log_target == LogTarget::syslog || settings.log.empty())
        return refused("the settings name no log file", "set log: see grapnel.toml(5)");
    if (is_missing(settings.log.text()) && is_missing(settings.log.text() + ".1"))
        return refused(settings.log.text() + " is missing: no start was logged",
                       "'grapnel config show' has the settings log and log-level");
    return settings.log;
}

Result<std::string> container_of(const LookCommand& command, const LookArguments& arguments) {
    const auto& operands = arguments.operands;
    if (operands.size() > 1)
        return wrong_operand(command, "one word too many: " + quote(operands[1]));
    if (operands.empty() || operands.front().empty()) // "" would be the start of every ID
        return wrong_operand(command, "the container's ID is missing");
    return operands.front();
}

Error no_line(const HostPath& file, const std::string& container) {
    return refused(file.text() + " has no line of container " + quote(container),
                   "'grapnel ps' has the IDs of containers that run");
}

Status print_log(const LookArguments& arguments) {
    const auto container = GRAPNEL_TRY(container_of(log_command(), arguments));
    const auto file = GRAPNEL_TRY(log_file());
    const auto lines = lines_of_container(file, container);
    if (lines.empty())
        return no_line(file, container);
    if (arguments.options.json)
        return say(to_text(Json{{"container", container}, {"lines", lines}}));
    std::string out;
    for (const auto& line : lines)
        out += printable(line) + "\n";
    return say(out);
}

Status print_blame(const LookArguments& arguments) {
    const auto container = GRAPNEL_TRY(container_of(blame_command(), arguments));
    const auto file = GRAPNEL_TRY(log_file());
    const auto start = last_start(file, container);
    if (!start)
        return Result<void>(no_line(file, container))
            .cure("starts are logged with log-level = \"info\"");
    if (arguments.options.json) {
        auto steps = Json::object();
        for (const auto& [name, time] : start->steps)
            steps[name] = time;
        return say(to_text(Json{{"container", start->container},
                                {"time", start->time},
                                {"ms", start->whole},
                                {"steps", std::move(steps)}}));
    }
    auto out = format_text("{:8.2f} ms  start at {}\n", start->whole, printable(start->time));
    for (const auto& [name, time] : start->steps)
        out += format_text("{:8.2f} ms  {}\n", time, printable(name));
    return say(out);
}

} // namespace

int log(std::span<const std::string> words) {
    return look(log_command(), words, print_log);
}

int blame(std::span<const std::string> words) {
    return look(blame_command(), words, print_blame);
}

} // namespace grapnel
