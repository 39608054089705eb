// SPDX-License-Identifier: Apache-2.0
#include "doctor/docker_unit.hpp"

#include "base/text.hpp"
#include "doctor/host_commands.hpp"
#include "doctor/shell.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel::doctor_command {

namespace {

/// ExecStart of docker.service, and the file that has it.
struct ExecStart {
    HostPath file = {};
    std::vector<std::string> words = {};
};

struct UnitKey {
    std::string_view name; ///< of daemon.json
    std::string_view option;
    std::string_view short_option = {};
};

constexpr std::array<UnitKey, 9> unit_keys{{{"runtimes", "--add-runtime"},
                                            {"default-runtime", "--default-runtime"},
                                            {"hosts", "--host", "-H"},
                                            {"exec-opts", "--exec-opt"},
                                            {"cdi-spec-dirs", "--cdi-spec-dir"},
                                            {"data-root", "--data-root"},
                                            {"cgroup-parent", "--cgroup-parent"},
                                            {"storage-driver", "--storage-driver", "-s"},
                                            {"userns-remap", "--userns-remap"}}};

/// An empty value forgets the one before.
void read_unit(const sys::HostFs& host, const HostPath& file, ExecStart& out) {
    constexpr std::string_view key = "ExecStart=";
    auto text = text_of(host, file);
    for (auto at = text.find("\\\n"); at != std::string::npos; at = text.find("\\\n"))
        text.replace(at, 2, " ");
    for (const auto line : split(text, '\n')) {
        if (!trim(line).starts_with(key))
            continue;
        out = {.file = file};
        for (const auto word : split(trim(line).substr(key.size()), ' '))
            if (!word.empty())
                out.words.emplace_back(word);
    }
}

ExecStart exec_start(const sys::HostFs& host) {
    ExecStart out;
    for (const auto* const directory :
         {"/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"})
        if (const auto file = host_path(directory) / "docker.service"; exists(host, file)) {
            read_unit(host, file, out);
            break;
        }
    const auto drop_ins = host_path("/etc/systemd/system/docker.service.d");
    for (const auto& name : names_in(host, drop_ins))
        if (name.ends_with(".conf"))
            read_unit(host, drop_ins / name, out);
    return out;
}

/// The option among the words, as it is written there; empty without it.
std::string option_in(const std::vector<std::string>& words, const UnitKey& key) {
    for (const auto& word : words)
        for (const auto option : {key.option, key.short_option})
            if (!option.empty() && (word == option || word.starts_with(std::string(option) + "=")))
                return std::string(option);
    return {};
}

/// A file of the package comes back with its next version.
std::string remove_command(const Facts& facts, const HostPath& file, const std::string& option) {
    if (!file.text().starts_with("/etc/"))
        return page_command(Code::GR0818);
    return "sed -i " + shell_word("s/ \\+" + option + R"([= ]\S*//g)") + " "
           + shell_word(file.text()) + " && systemctl daemon-reload && "
           + restart_command(facts, nullptr, "docker");
}

} // namespace

std::optional<Finding> conflicting_option(const Facts& facts, const Docker& docker) {
    if (!is_of_root(docker) || docker.config != host_path("/etc/docker/daemon.json"))
        return std::nullopt;
    const auto start = exec_start(facts.host);
    for (const auto& key : unit_keys) {
        const auto option = option_in(start.words, key);
        if (!option.empty() && docker.settings.contains(key.name))
            return Finding{.code = Code::GR0818,
                           .text = start.file.text() + ": dockerd gets the option " + option
                                   + ", and " + docker.config.text() + " has "
                                   + quote(std::string(key.name))
                                   + " too: dockerd does not start with both",
                           .command = remove_command(facts, start.file, option)};
    }
    return std::nullopt;
}

} // namespace grapnel::doctor_command
