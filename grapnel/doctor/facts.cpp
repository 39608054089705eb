// SPDX-License-Identifier: Apache-2.0
#include "doctor/facts.hpp"

#include "base/text.hpp"
#include "plan/scope.hpp"

#include <algorithm>
#include <array>

namespace grapnel::doctor_command {

namespace {

/// comm(5) of the daemons that an area looks at: the kernel cuts it after 15 characters.
/// k3s and microk8s run kubelet in a process of another name.
constexpr std::array<std::string_view, 14> daemon_names{
    "dockerd",         "containerd",      "crio",     "kubelet",
    "k3s-server",      "k3s-agent",       "kubelite", "nvidia-persiste",
    "nv-fabricmanage", "nvidia-cuda-mps", "systemd",  "nomad",
    "slurmd",          "slurmctld",
};

constexpr std::string_view value_after(std::string_view line, std::string_view key) {
    return line.starts_with(key) ? trim(line.substr(key.size())) : std::string_view();
}

/// Fields of /proc/PID/status (proc(5)).
struct Status {
    std::uint32_t user = 0;
    bool is_nested = false; ///< in a PID namespace below this one: a container's
};

Status status_of(std::string_view text) {
    Status out;
    for (const auto line : split(text, '\n')) {
        if (const auto user = value_after(line, "Uid:"); !user.empty())
            out.user = parse_number<std::uint32_t>(user.substr(0, user.find('\t'))).value_or(0);
        if (const auto pids = value_after(line, "NSpid:"); !pids.empty())
            out.is_nested = pids.find('\t') != std::string_view::npos;
    }
    return out;
}

std::optional<std::string> variable(std::string_view environment, std::string_view name) {
    for (const auto entry : split(environment, '\0'))
        if (entry.starts_with(name) && entry.substr(name.size()).starts_with('='))
            return std::string(entry.substr(name.size() + 1));
    return std::nullopt;
}

std::vector<std::string> words_in(std::string_view command_line) {
    std::vector<std::string> words;
    for (const auto word : split(command_line, '\0'))
        words.emplace_back(word);
    if (!words.empty() && words.back().empty())
        words.pop_back();
    return words;
}

/// The latest time that starttime of /proc/PID/stat allows, in ticks of 10 ms since `boot_ns`. The
/// fields stand behind the name, which can hold blanks.
std::int64_t start_of(const sys::HostFs& host, const HostPath& process, std::int64_t boot_ns) {
    constexpr std::size_t field = 20; // starttime is the 22nd; two stand before the bracket's end
    constexpr std::int64_t tick_ns = 10'000'000;
    const auto text = text_of(host, process / "stat");
    const auto bracket = text.rfind(')');
    if (bracket == std::string::npos || boot_ns == 0)
        return 0;
    const auto fields = split(std::string_view(text).substr(bracket + 1), ' ');
    if (fields.size() <= field)
        return 0;
    const auto ticks = parse_number<std::int64_t>(fields[field]);
    return ticks ? boot_ns + (*ticks + 1) * tick_ns : 0;
}

/// A process with another root, which reads other files of these names: a container's. A service
/// of systemd with a mount namespace of its own and rootless Docker have the host's root. That of
/// a snap counts: it is the host's own daemon.
bool sees_other_files(const sys::HostFs& host, const HostPath& process, std::string_view program) {
    const auto own = host.read_link(host_path("/proc/self/ns/mnt"));
    const auto others = host.read_link(process / "ns" / "mnt");
    if (!own || !others || *own == *others || program.starts_with("/snap/"))
        return false;
    const auto root = host.stat(host_path("/"));
    const auto root_of_process = host.stat(process / "root");
    return !root || !root_of_process || root->id() != root_of_process->id();
}

/// Of characters without a meaning for a shell: a command that a finding shows can name it.
bool is_plain(std::string_view text) {
    return std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
               || std::string_view("_-./:,=@+").find(c) != std::string_view::npos;
    });
}

/// The last unit in the path of its cgroup: docker.service of
/// 0::/user.slice/user-1000.slice/user@1000.service/app.slice/docker.service.
std::string unit_in(std::string_view cgroups) {
    std::string out;
    for (const auto line : split(cgroups, '\n')) {
        const bool is_of_systemd =
            line.starts_with("0::") || line.find(":name=systemd:") != std::string_view::npos;
        for (const auto part : split(is_of_systemd ? line : std::string_view(), '/'))
            if (part.ends_with(".service") && !part.starts_with("user@") && is_plain(part))
                out = part;
        if (!out.empty())
            return out;
    }
    return out;
}

/// A user's process can call itself dockerd and have arguments for root to paste.
bool is_trusted(const Daemon& daemon) {
    return daemon.user == 0
           || (std::ranges::all_of(daemon.words, is_plain) && is_plain(daemon.path.value_or(""))
               && is_plain(daemon.home.value_or("")) && is_plain(daemon.mps_pipes));
}

std::optional<Daemon> daemon_at(const sys::HostFs& host, const HostPath& process,
                                std::int64_t boot_ns) {
    const auto name = text_of(host, process / "comm");
    if (std::ranges::find(daemon_names, name) == daemon_names.end())
        return std::nullopt;
    const auto status = status_of(text_of(host, process / "status"));
    const auto link = host.read_link(process / "exe");
    if (status.is_nested || sees_other_files(host, process, link.value_or("")))
        return std::nullopt;
    Daemon out{.name = name, .user = status.user};
    out.pid = parse_number<std::uint32_t>(process.name()).value_or(0);
    if (link)
        out.program = HostPath::make(*link).value_or(HostPath());
    out.started_ns = start_of(host, process, boot_ns);
    out.unit = unit_in(text_of(host, process / "cgroup"));
    if (const auto line = host.read(process / "cmdline"))
        out.words = words_in(*line);
    if (const auto environment = host.read(process / "environ")) {
        out.path = variable(*environment, "PATH");
        out.home = variable(*environment, "HOME");
        out.mps_pipes = variable(*environment, "CUDA_MPS_PIPE_DIRECTORY").value_or("");
    }
    if (!is_trusted(out))
        return std::nullopt;
    return out;
}

std::vector<Daemon> daemons_of(const sys::HostFs& host, std::int64_t boot_ns) {
    std::vector<Daemon> out;
    const auto processes = host_path("/proc");
    for (const auto& name : names_in(host, processes))
        if (parse_number<std::uint32_t>(name))
            if (auto daemon = daemon_at(host, processes / name, boot_ns))
                out.push_back(std::move(*daemon));
    return out;
}

Result<Inventory> inventory_of(const Facts& facts) {
    if (facts.root_fault)
        return *facts.root_fault;
    const auto& settings = facts.settings.settings;
    Request request{.driver_capabilities = DriverCapabilities::all()};
    request.driver_capabilities =
        request.driver_capabilities & settings.supported_driver_capabilities;
    auto scope = inventory_scope(request, settings);
    scope.cuda_version = true;
    scope.mig_devices = true;
    scope.arch = true; // libnvidia-ml, for grapnel-probe
    scope.may_make_nodes = [&] { return settings.load_kmods; };
    return take_inventory(facts.driver_host(), scope);
}

} // namespace

Facts gather_facts(const sys::HostFs& host, LoadedSettings settings, Surroundings here) {
    Facts facts{.host = host, .here = std::move(here), .settings = std::move(settings)};
    auto rooted =
        rooted_host(host, facts.settings.settings.driver_root, facts.settings.settings.device_root);
    if (rooted)
        facts.rooted = std::move(*rooted);
    else
        facts.root_fault = rooted.error();
    facts.inventory = inventory_of(facts);
    constexpr std::int64_t second_ns = 1'000'000'000;
    const auto boot_ns = facts.here.boot_ns;
    facts.daemons = daemons_of(host, boot_ns != 0 ? boot_ns : boot_time(host) * second_ns);
    return facts;
}

const Daemon* find_daemon(const Facts& facts, std::string_view name) {
    const auto found = std::ranges::find(facts.daemons, name, &Daemon::name);
    return found == facts.daemons.end() ? nullptr : &*found;
}

bool sees_daemons(const Facts& facts) {
    return facts.here.user == 0 || find_daemon(facts, "systemd") != nullptr;
}

bool is_enabled_without(const Facts& facts, std::string_view unit, std::string_view daemon) {
    const auto link = host_path("/etc/systemd/system/multi-user.target.wants") / unit;
    return exists(facts.host, host_path("/run/systemd/system"))
           && facts.host.stat_link(link).has_value() && sees_daemons(facts)
           && find_daemon(facts, daemon) == nullptr;
}

bool is_plain_nvidia(const Facts& facts) {
    return facts.inventory && !facts.inventory->pass_through;
}

bool lacks_csv_lists(const Facts& facts) {
    const auto& settings = facts.settings.settings;
    return settings.mode == RuntimeMode::csv && !exists(facts.host, settings.csv_directory);
}

bool exists(const sys::HostFs& host, const HostPath& path) {
    return host.stat(path).has_value();
}

std::string text_of(const sys::HostFs& host, const HostPath& path) {
    const auto text = host.read(path);
    return text ? std::string(trim(*text)) : std::string();
}

std::optional<std::int64_t> number_of(const sys::HostFs& host, const HostPath& path) {
    return parse_number<std::int64_t>(text_of(host, path));
}

std::int64_t boot_time(const sys::HostFs& host) {
    const auto text = text_of(host, host_path("/proc/stat"));
    for (const auto line : split(text, '\n'))
        if (const auto seconds = value_after(line, "btime "); !seconds.empty())
            return parse_number<std::int64_t>(seconds).value_or(0);
    return 0;
}

std::vector<std::string> names_in(const sys::HostFs& host, const HostPath& path) {
    return host.list(path).value_or(std::vector<std::string>());
}

} // namespace grapnel::doctor_command
