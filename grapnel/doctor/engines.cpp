// SPDX-License-Identifier: Apache-2.0
#include "doctor/engines.hpp"

#include "base/text.hpp"
#include "doctor/host_commands.hpp"
#include "doctor/json_text.hpp"
#include "doctor/shell.hpp"
#include "elf/elf.hpp"
#include "json/text.hpp"

#include <algorithm>

namespace grapnel::doctor_command {

namespace {

constexpr std::string_view program_directories =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin";

HostPath config_of(const Daemon* daemon) {
    auto system = host_path("/etc/docker/daemon.json");
    if (daemon == nullptr)
        return system;
    if (const auto named = option_of(*daemon, "config-file"))
        return HostPath::make(*named).value_or(system);
    if (daemon->user == 0 || !daemon->home)
        return system;
    const auto home = HostPath::make(*daemon->home);
    return home ? *home / ".config" / "docker" / "daemon.json" : system;
}

Docker docker_with(const sys::HostFs& host, const Daemon* daemon) {
    Docker out{.daemon = daemon, .config = config_of(daemon), .settings = nlohmann::json::object()};
    const auto text = host.read(out.config);
    if (!text && !sys::is_missing(text.error()))
        out.unreadable = text.error();
    if (!text || trim(*text).empty())
        return out;
    auto json = parse_json(*text);
    if (json.is_object())
        out.settings = std::move(json);
    else
        out.mistake = *text;
    return out;
}

} // namespace

std::vector<Docker> dockers(const Facts& facts) {
    std::vector<Docker> out;
    for (const auto& daemon : facts.daemons)
        if (daemon.name == "dockerd")
            out.push_back(docker_with(facts.host, &daemon));
    if (out.empty() && exists(facts.host, config_of(nullptr)))
        out.push_back(docker_with(facts.host, nullptr));
    return out;
}

bool has_podman_storage(const sys::HostFs& host, const HostPath& data) {
    const auto storage = data / "containers" / "storage";
    return exists(host, storage / "db.sql") || exists(host, storage / "libpod" / "bolt_state.db");
}

std::vector<HostPath> homes_of_users(const sys::HostFs& host) {
    constexpr std::size_t place = 5; // of the home among the fields of passwd(5)
    constexpr std::size_t number = 2;
    constexpr std::uint32_t first_user = 1000;
    const auto usual = host_path("/home");
    std::vector<HostPath> out;
    for (const auto& name : names_in(host, usual))
        out.push_back(usual / name);
    const auto text = text_of(host, host_path("/etc/passwd"));
    for (const auto line : split(text, '\n')) {
        const auto fields = split(line, ':');
        if (fields.size() <= place
            || parse_number<std::uint32_t>(fields[number]).value_or(0) < first_user)
            continue;
        const auto home = HostPath::make(fields[place]);
        if (home && home->text() != "/" && std::ranges::find(out, *home) == out.end())
            out.push_back(*home);
    }
    return out;
}

std::vector<HostPath> podman_homes(const Facts& facts) {
    if (facts.here.user != 0)
        return facts.here.home.empty() ? std::vector<HostPath>() : std::vector{facts.here.home};
    std::vector<HostPath> out;
    for (auto& home : homes_of_users(facts.host))
        if (has_podman_storage(facts.host, home / ".local" / "share"))
            out.push_back(std::move(home));
    return out;
}

bool is_of_root(const Docker& docker) {
    return docker.daemon == nullptr || docker.daemon->user == 0;
}

namespace {

HostPath data_root(const Docker& docker) {
    auto text = text_at(docker.settings, "data-root");
    if (docker.daemon != nullptr)
        text = option_of(*docker.daemon, "data-root").value_or(text);
    const auto named = HostPath::make(text);
    if (named)
        return *named;
    const auto home = HostPath::make(
        is_of_root(docker) || !docker.daemon->home ? std::string() : *docker.daemon->home);
    return home ? *home / ".local" / "share" / "docker" : host_path("/var/lib/docker");
}

/// "100000.100000"
bool is_id_range(std::string_view name) {
    return name.find('.') != std::string_view::npos
           && name.find_first_not_of("0123456789.") == std::string_view::npos;
}

} // namespace

std::vector<HostPath> data_roots(const sys::HostFs& host, const Docker& docker) {
    std::vector<HostPath> out{data_root(docker)};
    const auto first = out.front();
    for (const auto& name : names_in(host, first))
        if (is_id_range(name))
            out.push_back(first / name);
    return out;
}

std::optional<Version> version_of(const Facts& facts, const std::string& program) {
    const auto answer =
        facts.here.ask ? facts.here.ask({program, "--version"}) : Result<std::string>(refused(""));
    if (!answer)
        return std::nullopt;
    const auto text = std::string_view(*answer);
    const auto start = std::min(text.find_first_of("0123456789"), text.size());
    const auto number = text.substr(start);
    return Version::parse(number.substr(0, number.find_first_not_of("0123456789.")));
}

std::string version_text(const Version& version) {
    std::string out;
    for (const auto part : version.parts)
        out += (out.empty() ? "" : ".") + std::to_string(part);
    return out;
}

std::vector<HostPath> image_stores(const Facts& facts) {
    std::vector<HostPath> out;
    for (const auto* const path :
         {"/var/lib/docker", "/var/lib/containers/storage", "/var/lib/containerd",
          "/var/lib/rancher/k3s/agent/containerd", "/var/lib/rancher/rke2/agent/containerd"})
        out.push_back(host_path(path));
    for (const auto& docker : dockers(facts))
        for (const auto& root : data_roots(facts.host, docker))
            if (std::ranges::find(out, root) == out.end())
                out.push_back(root);
    for (const auto& home : podman_homes(facts))
        out.push_back(home / ".local" / "share" / "containers" / "storage");
    return out;
}

std::string configure_docker_command(const Facts& facts, const Docker& docker, Code code,
                                     std::string_view option) {
    const auto& config = docker.config.text();
    if (config.starts_with("/nix/"))
        return page_command(code);
    std::string out = "grapnel configure docker";
    if (docker.config != host_path("/etc/docker/daemon.json"))
        out += " --config " + shell_word(config);
    if (!option.empty())
        out += " " + std::string(option);
    return out + " && " + restart_command(facts, docker.daemon, "docker");
}

Maker maker_of(const sys::HostFs& host, const std::string& path) {
    const auto named = HostPath::make(path);
    if (!named)
        return Maker::other;
    const auto real = host.resolve(*named).value_or(*named);
    if (real.name().starts_with("grapnel-"))
        return Maker::grapnel;
    return real.name().starts_with("nvidia-c") ? Maker::nvidia : Maker::other;
}

HostPath find_in(const sys::HostFs& host, std::string_view directories, std::string_view name) {
    for (const auto directory : split(directories, ':')) {
        const auto path = HostPath::make(directory);
        if (path && exists(host, *path / name))
            return *path / name;
    }
    return {};
}

HostPath find_program(const sys::HostFs& host, std::string_view name) {
    return find_in(host, program_directories, name);
}

std::vector<std::string> options_of(const Daemon& daemon, std::string_view name) {
    const auto option = "--" + std::string(name);
    std::vector<std::string> out;
    for (std::size_t i = 0; i < daemon.words.size(); ++i) {
        const auto& word = daemon.words[i];
        if (word.starts_with(option + "="))
            out.push_back(word.substr(option.size() + 1));
        else if (word == option && i + 1 < daemon.words.size())
            out.push_back(daemon.words[i + 1]);
    }
    return out;
}

std::optional<std::string> option_of(const Daemon& daemon, std::string_view name) {
    const auto found = options_of(daemon, name);
    return found.empty() ? std::nullopt : std::optional(found.front());
}

std::optional<std::string> short_option_of(const Daemon& daemon, std::string_view name) {
    const auto found = std::ranges::find(daemon.words, name);
    return found == daemon.words.end() || std::next(found) == daemon.words.end()
               ? std::nullopt
               : std::optional(*std::next(found));
}

namespace {

bool is_of_other_machine(const sys::HostFs& host, const HostPath& path) {
    const auto file = host.map(path);
    const auto facts = file ? read_elf(file->bytes()) : Result<ElfFacts>(file.error());
    return facts && facts->machine == ElfFacts::Machine::other;
}

} // namespace

std::string_view fault_of_program(const sys::HostFs& host, const HostPath& path) {
    constexpr std::uint32_t execute_bits = 0111;
    constexpr std::uint32_t permission_bits = 0777;
    const auto found = host.stat(path);
    if (!found)
        return sys::is_missing(found.error()) ? "is missing" : "";
    if (found->type == sys::FileFacts::Type::directory)
        return "is a directory";
    const bool is_executable =
        (found->mode & permission_bits) == 0 || (found->mode & execute_bits) != 0;
    if (!is_executable)
        return "is not executable";
    return is_of_other_machine(host, path) ? "is of another architecture" : "";
}

std::string mend_program(std::string_view fault, const HostPath& path, const std::string& other) {
    return fault == "is not executable" ? "chmod a+rx " + shell_word(path.text()) : other;
}

std::optional<Finding> unusable_runtime(const sys::HostFs& host, Code code,
                                        const RuntimeEntry& runtime, const std::string& configure) {
    const auto fault =
        runtime.program.empty() ? std::string_view() : fault_of_program(host, runtime.program);
    if (fault.empty())
        return std::nullopt;
    return Finding{.code = code,
                   .text = runtime.file + ": the program of the runtime " + quote(runtime.name)
                           + " " + std::string(fault) + ": " + runtime.program.text(),
                   .command = mend_program(fault, runtime.program, configure)};
}

namespace {

bool labels(const Docker& docker) {
    if (docker.settings.value("selinux-enabled", nlohmann::json()) == true)
        return true;
    return docker.daemon != nullptr
           && std::ranges::any_of(docker.daemon->words, [](const std::string& word) {
                  return word == "--selinux-enabled" || word == "--selinux-enabled=true";
              });
}

/// The CRI plugin of containerd, and k3s, which writes that key.
bool has_labelling_containerd(const Facts& facts) {
    for (const auto& daemon : facts.daemons) {
        if (daemon.name.starts_with("k3s-")
            && std::ranges::find(daemon.words, "--selinux") != daemon.words.end())
            return true;
        const auto file =
            HostPath::make(daemon.name == "containerd"
                               ? option_of(daemon, "config").value_or("/etc/containerd/config.toml")
                               : "");
        std::optional<Error> mistake;
        const auto table = file ? read_toml(facts.host, *file, mistake) : std::nullopt;
        const auto* const plugins = table ? engine_config::table_at(*table, {"plugins"}) : nullptr;
        for (const auto& [name, plugin] : plugins == nullptr ? toml::table() : *plugins)
            if (const auto* const section = plugin.as_table())
                if (const auto* const flag = section->get_as<bool>("enable_selinux");
                    flag != nullptr && flag->get())
                    return true;
    }
    return false;
}

} // namespace

bool has_labelling_engine(const Facts& facts) {
    return std::ranges::any_of(dockers(facts), labels) || has_labelling_containerd(facts)
           || find_daemon(facts, "crio") != nullptr || !find_program(facts.host, "podman").empty();
}

std::string string_at(const toml::table& table, std::string_view key) {
    const auto* const value = table.get_as<std::string>(key);
    return value == nullptr ? "" : value->get();
}

std::optional<std::vector<std::string>> strings_at(const toml::table& table, std::string_view key) {
    const auto* const list = table.get_as<toml::array>(key);
    if (list == nullptr)
        return std::nullopt;
    std::vector<std::string> out;
    for (const auto& entry : *list)
        if (const auto* const text = entry.as_string())
            out.push_back(text->get());
    return out;
}

std::string add_to_list_script(std::string_view key, const HostPath& directory) {
    return "s|" + std::string(key) + R"(\s*=\s*\[|&")" + directory.text() + "\", |";
}

std::optional<toml::table> read_toml(const sys::HostFs& host, const HostPath& path,
                                     std::optional<Error>& mistake) {
    const auto text = host.read(path);
    if (!text)
        return std::nullopt;
    auto table = engine_config::parse_settings(*text, path.text());
    if (table)
        return std::move(*table);
    mistake = table.error();
    return std::nullopt;
}

const MountInfo* mount_of(const std::vector<MountInfo>& mounts, const HostPath& path) {
    const MountInfo* out = nullptr;
    std::size_t longest = 0;
    for (const auto& mount : mounts) {
        const auto below = mount.point == "/" ? "/" : mount.point + "/";
        if (!(path.text() + "/").starts_with(below) || below.size() < longest)
            continue;
        longest = below.size();
        out = &mount;
    }
    return out;
}

bool has_systemd(const Facts& facts) {
    return exists(facts.host, host_path("/run/systemd/system"));
}

const std::vector<HostPath>& hook_directories() {
    static const std::vector<HostPath> directories{host_path("/usr/share/containers/oci/hooks.d"),
                                                   host_path("/etc/containers/oci/hooks.d")};
    return directories;
}

namespace {

/// /var/run is a link to /run.
std::string plain(const std::string& directory) {
    constexpr std::string_view old = "/var/run/";
    return directory.starts_with(old) ? "/run/" + directory.substr(old.size()) : directory;
}

} // namespace

std::vector<HostPath> cdi_files(const sys::HostFs& host, const DirectoryNames& directories) {
    std::vector<HostPath> out;
    for (const auto& name : directories.value_or(std::vector<std::string>{"/etc/cdi", "/run/cdi"}))
        if (const auto directory = HostPath::make(plain(name)))
            for (const auto& file : names_in(host, *directory))
                if (file.ends_with(".json") || file.ends_with(".yaml") || file.ends_with(".yml"))
                    out.push_back(*directory / file);
    return out;
}

HostPath find_cdi_file(const sys::HostFs& host, std::string_view kind,
                       const DirectoryNames& directories) {
    for (const auto& file : cdi_files(host, directories))
        if (text_of(host, file).find(kind) != std::string::npos)
            return file;
    return {};
}

} // namespace grapnel::doctor_command
