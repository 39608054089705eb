// SPDX-License-Identifier: Apache-2.0
#include "doctor/nomad.hpp"

#include "base/text.hpp"
#include "doctor/host_commands.hpp"
#include "doctor/shell.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

namespace grapnel::doctor_command {

namespace {

constexpr std::string_view usual_runtime = "nvidia";
constexpr std::string_view gpu_plugin = "nomad-device-nvidia";

struct ConfigFile {
    HostPath path = {};
    std::string text = {}; ///< HCL or JSON, without comments
};

/// A comment starts with # or // outside of a string, and ends with its line.
std::string_view without_comment(std::string_view line) {
    bool is_quoted = false;
    for (std::size_t at = 0; at < line.size(); ++at) {
        if (line[at] == '"' && (at == 0 || line[at - 1] != '\\'))
            is_quoted = !is_quoted;
        if (!is_quoted && (line[at] == '#' || line.substr(at).starts_with("//")))
            return line.substr(0, at);
    }
    return line;
}

std::string without_comments(std::string text) {
    for (auto begin = text.find("/*"); begin != std::string::npos; begin = text.find("/*", begin)) {
        const auto end = text.find("*/", begin + 2);
        text.erase(begin, end == std::string::npos ? end : end + 2 - begin);
    }
    std::string out;
    for (const auto line : split(text, '\n'))
        out += std::string(without_comment(line)) + "\n";
    return out;
}

void add_file(const sys::HostFs& host, const HostPath& path, std::vector<ConfigFile>& files) {
    if (auto text = text_of(host, path); !text.empty())
        files.push_back({.path = path, .text = without_comments(std::move(text))});
}

/// The files of an agent's -config, which names a file or a directory.
std::vector<std::string> named_configs(const Daemon* nomad) {
    std::vector<std::string> out;
    if (nomad != nullptr)
        for (const auto* const option : {"-config", "--config"}) {
            for (std::size_t i = 0; i + 1 < nomad->words.size(); ++i)
                if (nomad->words[i] == option)
                    out.push_back(nomad->words[i + 1]);
            for (const auto& word : nomad->words)
                if (word.starts_with(std::string(option) + "="))
                    out.push_back(word.substr(std::string_view(option).size() + 1));
        }
    if (out.empty())
        out.emplace_back("/etc/nomad.d");
    return out;
}

std::vector<ConfigFile> config_files(const Facts& facts) {
    std::vector<ConfigFile> out;
    for (const auto& name : named_configs(find_daemon(facts, "nomad"))) {
        const auto path = HostPath::make(name);
        if (!path)
            continue;
        auto names = names_in(facts.host, *path);
        std::ranges::sort(names);
        for (const auto& file : names)
            if (file.ends_with(".hcl") || file.ends_with(".json"))
                add_file(facts.host, *path / file, out);
        if (names.empty())
            add_file(facts.host, *path, out);
    }
    return out;
}

bool is_of_word(char c) {
    constexpr std::string_view all =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    return all.find(c) != std::string_view::npos;
}

/// The text behind a key of HCL or JSON; nothing without the key.
std::optional<std::string_view> text_behind(std::string_view text, std::string_view key) {
    for (auto at = text.find(key); at != std::string_view::npos; at = text.find(key, at + 1)) {
        const auto end = at + key.size();
        if ((at > 0 && is_of_word(text[at - 1])) || (end < text.size() && is_of_word(text[end])))
            continue;
        return text.substr(end);
    }
    return std::nullopt;
}

std::string_view quoted_in(std::string_view text) {
    const auto begin = text.find('"');
    const auto end = begin == std::string_view::npos ? begin : text.find('"', begin + 1);
    return end == std::string_view::npos ? std::string_view()
                                         : text.substr(begin + 1, end - begin - 1);
}

/// The string that is the value of a key.
std::string string_of(std::string_view text, std::string_view key) {
    const auto behind = text_behind(text, key);
    if (!behind)
        return {};
    const auto sign = behind->find_first_of("=:");
    return sign == std::string_view::npos ? std::string()
                                          : std::string(quoted_in(behind->substr(sign)));
}

/// The text between the brackets that are the value of a key.
std::optional<std::string_view> list_of(std::string_view text, std::string_view key) {
    const auto behind = text_behind(text, key);
    const auto begin = behind ? behind->find('[') : std::string_view::npos;
    const auto end = begin == std::string_view::npos ? begin : behind->find(']', begin);
    return end == std::string_view::npos
               ? std::nullopt
               : std::optional(behind->substr(begin + 1, end - begin - 1));
}

bool has_string(std::string_view list, std::string_view value) {
    return list.find("\"" + std::string(value) + "\"") != std::string_view::npos;
}

std::string value_in(const std::vector<ConfigFile>& files, std::string_view key,
                     std::string_view usual) {
    std::string out(usual);
    for (const auto& file : files)
        if (auto value = string_of(file.text, key); !value.empty())
            out = std::move(value);
    return out;
}

HostPath plugin_directory(const std::vector<ConfigFile>& files) {
    const auto data = value_in(files, "data_dir", "/opt/nomad/data");
    return HostPath::make(value_in(files, "plugin_dir", data + "/plugins")).value_or(HostPath());
}

bool names_gpu_plugin(const std::vector<ConfigFile>& files) {
    return std::ranges::any_of(files,
                               [](const auto& file) { return has_string(file.text, gpu_plugin); });
}

bool has_runtime(const Docker& docker, const std::string& name) {
    const auto runtimes = docker.settings.find("runtimes");
    if (runtimes != docker.settings.end() && runtimes->is_object() && runtimes->contains(name))
        return true;
    const auto added =
        docker.daemon ? options_of(*docker.daemon, "add-runtime") : std::vector<std::string>();
    return std::ranges::any_of(added,
                               [&](const auto& value) { return value.starts_with(name + "="); });
}

void check_runtime(const Facts& facts, const std::vector<Docker>& dockers,
                   const std::vector<ConfigFile>& files, const std::string& runtime,
                   std::vector<Finding>& findings) {
    if (!findings.empty() || dockers.empty()
        || std::ranges::any_of(dockers, [&](const auto& it) { return has_runtime(it, runtime); }))
        return;
    const auto option =
        runtime == usual_runtime ? std::string() : "--runtime-name=" + shell_word(runtime);
    findings.push_back(
        {.code = Code::GR0813,
         .text = files.front().path.text() + ": Nomad starts tasks with GPUs by the runtime "
                 + quote(runtime) + ", which Docker does not have",
         .command = configure_docker_command(facts, dockers.front(), Code::GR0813, option)});
}

/// The list without the key is "runc" and "nvidia".
void check_allowed(const Facts& facts, const std::vector<ConfigFile>& files,
                   const std::string& runtime, std::vector<Finding>& findings) {
    for (const auto& file : files) {
        const auto list = list_of(file.text, "allow_runtimes");
        if (!list || has_string(*list, runtime))
            continue;
        const auto entry = "\"" + runtime + "\"" + (trim(*list).empty() ? "" : ", ");
        findings.push_back(
            {.code = Code::GR0814,
             .text = file.path.text() + ": allow_runtimes does not have the runtime "
                     + quote(runtime) + ": Nomad refuses tasks with GPUs",
             .command = "sed -i "
                        + shell_word("s/allow_runtimes\"\\{0,1\\} *[:=] *\\[/&" + entry + "/") + " "
                        + shell_word(file.path.text()) + " && "
                        + restart_command(facts, find_daemon(facts, "nomad"), "nomad")});
    }
}

void check_plugin(const Facts& facts, const HostPath& program, std::vector<Finding>& findings) {
    const auto fault = fault_of_program(facts.host, program);
    if (!fault.empty())
        findings.push_back(
            {.code = Code::GR0815,
             .text = program.text() + " " + std::string(fault) + ": Nomad sees no GPU",
             .command = mend_program(fault, program, page_command(Code::GR0815))});
}

} // namespace

void check_nomad(const Facts& facts, const std::vector<Docker>& dockers,
                 std::vector<Finding>& findings) {
    const auto files = config_files(facts);
    if (files.empty())
        return;
    const auto plugin = plugin_directory(files) / gpu_plugin;
    if (!names_gpu_plugin(files) && !exists(facts.host, plugin))
        return;
    const auto runtime = value_in(files, "nvidia_runtime", usual_runtime);
    check_plugin(facts, plugin, findings);
    check_allowed(facts, files, runtime, findings);
    check_runtime(facts, dockers, files, runtime, findings);
}

} // namespace grapnel::doctor_command
