// SPDX-License-Identifier: Apache-2.0
// Slurm's GPUs of this node, and enroot, which starts containers of Slurm's jobs.
#include "base/text.hpp"
#include "doctor/areas.hpp"
#include "doctor/engines.hpp"
#include "doctor/host_commands.hpp"
#include "doctor/shell.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel::doctor_command {

namespace {

constexpr std::size_t most_names = 1024;

/// "a[0-2,7]b" in full: a0b, a1b, a2b, a7b; the text itself without brackets.
std::vector<std::string> expand(std::string_view text) {
    const auto begin = text.find('[');
    const auto end = text.find(']', begin == std::string_view::npos ? text.size() : begin);
    if (end == std::string_view::npos)
        return {std::string(text)};
    std::vector<std::string> out;
    for (const auto part : split(text.substr(begin + 1, end - begin - 1), ',')) {
        const auto dash = part.find('-');
        const auto first = part.substr(0, dash);
        const auto last = dash == std::string_view::npos ? first : part.substr(dash + 1);
        const auto from = parse_number<unsigned>(first);
        const auto to = parse_number<unsigned>(last);
        for (auto number = from.value_or(1); from && to && number <= *to && out.size() < most_names;
             ++number) {
            auto digits = std::to_string(number);
            digits.insert(0, first.size() - std::min(first.size(), digits.size()), '0');
            out.push_back(std::string(text.substr(0, begin)) + digits
                          + std::string(text.substr(end + 1)));
        }
    }
    return out;
}

/// The words of a list that are separated by commas outside of brackets, in full.
std::vector<std::string> expand_list(std::string_view text) {
    std::vector<std::string> out;
    std::size_t begin = 0;
    int depth = 0;
    for (std::size_t at = 0; at <= text.size(); ++at) {
        if (at < text.size() && text[at] != ',') {
            depth += text[at] == '[' ? 1 : text[at] == ']' ? -1 : 0;
            continue;
        }
        if (depth > 0 && at < text.size())
            continue;
        const auto names = expand(text.substr(begin, at - begin));
        out.insert(out.end(), names.begin(), names.end());
        begin = at + 1;
    }
    return out;
}

/// The value of a parameter in a line such as "Name=gpu File=/dev/nvidia0"; names have no case.
std::optional<std::string_view> parameter(std::string_view line, std::string_view name) {
    for (const auto word : split(line, ' '))
        if (const auto equals = word.find('=');
            equals != std::string_view::npos && equal_ignoring_case(word.substr(0, equals), name))
            return trim(word.substr(equals + 1));
    return std::nullopt;
}

/// The words with one blank between two, none around an equals sign, and without quotes.
std::string plain_words(std::string_view line) {
    std::string out;
    for (const char c : line) {
        const bool is_blank = c == ' ' || c == '\t';
        if (c == '=' && out.ends_with(' '))
            out.pop_back();
        if (c == '"' || (is_blank && (out.empty() || out.ends_with(' ') || out.ends_with('='))))
            continue;
        out += is_blank ? ' ' : c;
    }
    return out;
}

/// The lines without comments. A backslash at its end continues a line.
std::vector<std::string> lines_of(const sys::HostFs& host, const HostPath& path) {
    std::vector<std::string> out;
    std::string line;
    const auto text = text_of(host, path);
    for (const auto part : split(text, '\n')) {
        line += trim(part.substr(0, part.find('#')));
        if (line.ends_with('\\')) {
            line.back() = ' ';
            continue;
        }
        if (auto words = plain_words(line); !words.empty())
            out.push_back(std::move(words));
        line.clear();
    }
    return out;
}

std::string host_name(const sys::HostFs& host) {
    const auto name = text_of(host, host_path("/proc/sys/kernel/hostname"));
    return name.substr(0, name.find('.'));
}

/// A line without NodeName is of every node.
bool is_of_this_node(const sys::HostFs& host, std::string_view line) {
    const auto nodes = parameter(line, "NodeName");
    if (!nodes)
        return true;
    const auto names = expand_list(*nodes);
    return std::ranges::find(names, host_name(host)) != names.end();
}

HostPath config_directory(const sys::HostFs& host) {
    for (const auto* const path : {"/etc/slurm", "/etc/slurm-llnl", "/usr/local/etc/slurm",
                                   "/usr/local/etc", "/opt/slurm/etc"})
        if (exists(host, host_path(path) / "gres.conf"))
            return host_path(path);
    return {};
}

std::string restart_slurmd(const Facts& facts) {
    return restart_command(facts, find_daemon(facts, "slurmd"), "slurmd");
}

/// The nodes of this host's GPUs as a value of File: "/dev/nvidia[0,1]"; empty without a GPU.
std::string own_files(const Facts& facts) {
    std::string numbers;
    for (const auto& gpu : facts.inventory ? facts.inventory->gpus : std::vector<Gpu>())
        if (gpu.minor)
            numbers += (numbers.empty() ? "" : ",") + std::to_string(*gpu.minor);
    return numbers.empty()                          ? std::string()
           : numbers.find(',') == std::string::npos ? "/dev/nvidia" + numbers
                                                    : "/dev/nvidia[" + numbers + "]";
}

bool is_of_a_gpu(const Facts& facts, std::string_view path) {
    return facts.inventory && std::ranges::any_of(facts.inventory->gpus, [&](const Gpu& gpu) {
               return gpu.minor && path == "/dev/nvidia" + std::to_string(*gpu.minor);
           });
}

std::string replace_files(const HostPath& config, std::string_view files, const std::string& own) {
    std::string pattern;
    for (const char c : files)
        pattern += std::string(c == '[' || c == ']' || c == '|' ? "\\" : "") + c;
    return "sed -i " + shell_word(R"(s|\(File *= *"\?\))" + pattern + "|\\1" + own + "|I") + " "
           + shell_word(config.text());
}

/// A missing node of a GPU that the driver has is GR0301. slurmd ends at any other.
void check_files(const Facts& facts, const HostPath& config, std::vector<Finding>& findings) {
    for (const auto& line : lines_of(facts.host, config)) {
        const auto files = parameter(line, "File");
        if (!files || files->find("/dev/nvidia") != 0 || !is_of_this_node(facts.host, line))
            continue;
        for (const auto& file : expand_list(*files)) {
            const auto path = HostPath::make(file);
            if (!path || exists(facts.host, *path) || is_of_a_gpu(facts, file))
                continue;
            const auto own = own_files(facts);
            findings.push_back(
                {.code = Code::GR1401,
                 .text = config.text() + ": " + file + " of this node is missing, and "
                         + (own.empty() ? "the driver has no GPU" : "the GPUs are " + own)
                         + ": slurmd does not start",
                 .command = own.empty() ? page_command(Code::GR1401)
                                        : replace_files(config, *files, own) + " && "
                                              + restart_slurmd(facts)});
            return;
        }
    }
}

/// slurmctld reads the same files, where it runs on this node.
std::string restart_slurm(const Facts& facts) {
    const auto* const controller = find_daemon(facts, "slurmctld");
    return (controller == nullptr ? std::string()
                                  : restart_command(facts, controller, "slurmctld") + " && ")
           + restart_slurmd(facts);
}

/// Where distributions and Slurm's own packages have plugins.
HostPath plugin_directory(const sys::HostFs& host) {
    for (const auto* const path :
         {"/usr/lib/x86_64-linux-gnu/slurm-wlm", "/usr/lib/aarch64-linux-gnu/slurm-wlm",
          "/usr/lib/x86_64-linux-gnu/slurm", "/usr/lib/aarch64-linux-gnu/slurm", "/usr/lib64/slurm",
          "/usr/lib/slurm", "/usr/lib64/slurm-wlm"})
        if (exists(host, host_path(path) / "gpu_generic.so"))
            return host_path(path);
    return {};
}

/// Debian has it in contrib, and Ubuntu in multiverse, as it is built with NVIDIA's NVML. Others
/// build Slurm themselves.
Packages nvml_packages(const sys::HostFs& host) {
    const std::string name = "slurm-wlm-nvml-plugin";
    return {.debian = has_repository(host, {"contrib"}) ? name : "",
            .ubuntu = has_repository(host, {"multiverse"}) ? name : "",
            .fedora = {},
            .rhel = {},
            .suse = {},
            .arch = {}};
}

/// gpu_nvidia.so, of Slurm 24.11, needs no NVML.
std::string mend_detection(const Facts& facts, const HostPath& config, const HostPath& plugins) {
    if (exists(facts.host, plugins / "gpu_nvidia.so"))
        return R"(sed -i 's/AutoDetect *= *nvml/AutoDetect=nvidia/I' )" + shell_word(config.text())
               + " && " + restart_slurmd(facts);
    const auto page = page_command(Code::GR1402);
    const auto install = install_command(facts.host, nvml_packages(facts.host), Code::GR1402);
    return install == page ? page : install + " && " + restart_slurmd(facts);
}

void check_detection(const Facts& facts, const HostPath& config, std::vector<Finding>& findings) {
    const auto plugins = plugin_directory(facts.host);
    if (plugins.empty() || exists(facts.host, plugins / "gpu_nvml.so"))
        return;
    for (const auto& line : lines_of(facts.host, config))
        if (const auto way = parameter(line, "AutoDetect");
            way && equal_ignoring_case(*way, "nvml") && is_of_this_node(facts.host, line)) {
            findings.push_back({.code = Code::GR1402,
                                .text = config.text() + ": AutoDetect=nvml, and " + plugins.text()
                                        + " has no gpu_nvml.so: this Slurm was built without NVML",
                                .command = mend_detection(facts, config, plugins)});
            return;
        }
}

/// Of two lines with that key Slurm takes the later one alone.
std::string add_gpu_type(const HostPath& settings, bool has_types) {
    const auto file = shell_word(settings.text());
    return has_types ? R"(sed -i '/^[^#]*GresTypes/I s/GresTypes *= *"\?[^ #"]*/&,gpu/I' )" + file
                     : "echo GresTypes=gpu >> " + file;
}

/// Where slurm.conf includes other files, the key can be in them.
void check_types(const Facts& facts, const HostPath& config, std::vector<Finding>& findings) {
    const auto settings = config.parent() / "slurm.conf";
    const auto lines = lines_of(facts.host, settings);
    const auto gpus = lines_of(facts.host, config);
    const bool wants_gpus = std::ranges::any_of(gpus, [&](const auto& line) {
        const auto name = parameter(line, "Name");
        return name && *name == "gpu" && is_of_this_node(facts.host, line);
    });
    const bool is_known = std::ranges::any_of(lines, [](const std::string& line) {
        const auto types = parameter(line, "GresTypes");
        const auto names = comma_list(types.value_or(""));
        return std::ranges::find(names, "gpu") != names.end()
               || equal_ignoring_case(line.substr(0, line.find(' ')), "include");
    });
    const bool has_types = std::ranges::any_of(
        lines, [](const auto& line) { return parameter(line, "GresTypes").has_value(); });
    if (wants_gpus && !lines.empty() && !is_known)
        findings.push_back(
            {.code = Code::GR1403,
             .text = settings.text()
                     + ": GresTypes does not have gpu, which gres.conf describes: "
                       "no job gets a GPU",
             .command = add_gpu_type(settings, has_types) + " && " + restart_slurm(facts)});
}

/// enroot runs the executable files alone, and its hook calls NVIDIA's program by its name.
void check_enroot(const Facts& facts, std::vector<Finding>& findings) {
    const auto hook = host_path("/etc/enroot/hooks.d/98-nvidia.sh");
    if (find_program(facts.host, "enroot").empty() || !exists(facts.host, hook.parent()))
        return;
    const auto fault = fault_of_program(facts.host, hook);
    if (!fault.empty())
        findings.push_back({.code = Code::GR1404,
                            .text = hook.text() + " " + std::string(fault)
                                    + ": containers of enroot and pyxis get no GPU",
                            .command = mend_program(fault, hook, page_command(Code::GR1404))});
    else if (find_program(facts.host, "nvidia-container-cli").empty())
        findings.push_back({.code = Code::GR1405,
                            .text = hook.text()
                                    + " calls nvidia-container-cli, which is missing: no container "
                                      "of enroot and pyxis with GPUs starts",
                            .command = install_command(
                                facts.host, own_packages("grapnel-nvidia-compat"), Code::GR1405)});
}

} // namespace

Area slurm_area(const Facts& facts) {
    Area area{.name = "Slurm"};
    const auto directory = config_directory(facts.host);
    if (!directory.empty()) {
        const auto config = directory / "gres.conf";
        check_files(facts, config, area.findings);
        check_detection(facts, config, area.findings);
        check_types(facts, config, area.findings);
    }
    check_enroot(facts, area.findings);
    area.is_used = !directory.empty() || !find_program(facts.host, "enroot").empty();
    area.summary = area.is_used ? "" : "not used";
    return area;
}

} // namespace grapnel::doctor_command
