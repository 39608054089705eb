// SPDX-License-Identifier: Apache-2.0
#include "base/format.hpp"
#include "base/text.hpp"
#include "cmdline/help.hpp"
#include "command.hpp"
#include "confine/confined_child.hpp"
#include "containers.hpp"
#include "doctor/areas.hpp"
#include "doctor/bundle.hpp"
#include "doctor/engines.hpp"
#include "doctor/fix.hpp"
#include "doctor/leftovers.hpp"
#include "doctor/options.hpp"
#include "doctor/report.hpp"
#include "host.hpp"
#include "prepare/probe.hpp"
#include "prepare/settings_file.hpp"
#include "sys/file.hpp"
#include "sys/free_space.hpp"
#include "sys/kernel_log.hpp"
#include "sys/privilege.hpp"
#include "sys/process.hpp"
#include "sys/process_identity.hpp"
#include "sys/program.hpp"
#include "sys/root_dir.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <unistd.h>
#include <utility>

namespace grapnel {

namespace {

using namespace doctor_command;

constexpr std::size_t output_limit = std::size_t{1} << 18;

/// A denial of the last hour; a GPU that is gone and a module that is refused stay so.
bool counts(const sys::KernelMessage& message) {
    constexpr std::int64_t hour_s = 3600;
    return message.age_s < hour_s || message.text.find("DENIED") == std::string::npos;
}

std::vector<std::string> kernel_lines() {
    std::vector<std::string> out;
    const auto messages = sys::kernel_log();
    for (const auto& message : messages ? *messages : std::vector<sys::KernelMessage>())
        if (counts(message))
            out.push_back(message.text);
    return out;
}

std::int64_t now_ns() {
    const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::nanoseconds>(since_1970).count();
}

std::int64_t boot_ns() {
    constexpr std::int64_t tick_ns = 10'000'000;
    return now_ns() - static_cast<std::int64_t>(sys::ticks_since_boot()) * tick_ns;
}

Result<std::string> ask_program(const std::vector<std::string>& words) {
    for (const auto* const directory :
         {"/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin"})
        if (const auto path = host_path(directory) / words.front(); sys::is_program(path))
            return sys::ask_program(path, words, output_limit);
    return refused(words.front() + " is not installed");
}

/// Several findings ask a program the same: it is run once for a report.
std::function<Result<std::string>(const std::vector<std::string>& words)> ask_once() {
    using Answers = std::map<std::vector<std::string>, Result<std::string>>;
    return [answers = std::make_shared<Answers>()](const std::vector<std::string>& words) {
        const auto known = answers->find(words);
        return known != answers->end() ? known->second
                                       : answers->emplace(words, ask_program(words)).first->second;
    };
}

bool has_openat2() {
    const auto base = sys::open_host_directory(host_path("/"));
    return base && sys::RootDir::open(base->ref(), host_path("/proc"));
}

/// The effective and the supplementary groups.
std::vector<std::uint32_t> own_groups() {
    std::vector<gid_t> out(static_cast<std::size_t>(std::max(getgroups(0, nullptr), 0)));
    const auto count = getgroups(static_cast<int>(out.size()), out.data());
    out.resize(static_cast<std::size_t>(std::max(count, 0)));
    out.push_back(getegid());
    return {out.begin(), out.end()};
}

HostPath home_directory() {
    const char* const home = secure_getenv("HOME");
    return home == nullptr ? HostPath() : HostPath::make(home).value_or(HostPath());
}

std::string docker_host() {
    const char* const value = secure_getenv("DOCKER_HOST");
    return value == nullptr ? "" : value;
}

/// An address a line. grapnel-probe takes capabilities, which this process keeps: a child asks.
Result<std::string> ask_for_mig_mode(const Inventory& inventory, const Settings& settings) {
    GRAPNEL_TRY(sys::confine_process());
    ProbeStarter probe;
    const auto answer = GRAPNEL_TRY(probe_answer(inventory, settings, probe));
    std::string out;
    for (const auto& gpu : answer.gpus)
        if (gpu.mig_mode.value_or(false))
            out += gpu.pci + "\n";
    return out;
}

/// A driver that does not answer is the subject of other findings.
std::vector<std::string> gpus_in_mig_mode(const Inventory& inventory, const Settings& settings) {
    constexpr int time_limit_ms = 15'000; // the probe has 10 seconds
    const auto work = [&] { return ask_for_mig_mode(inventory, settings); };
    const auto text = confine::work_within(time_limit_ms, output_limit, work);
    std::vector<std::string> out;
    for (const auto address : split(text ? std::string_view(*text) : std::string_view(), '\n'))
        if (!address.empty())
            out.emplace_back(address);
    return out;
}

std::vector<HostPath> full_directories(const Settings& settings) {
    std::vector<HostPath> out;
    for (const auto& path : {host_path("/run"), settings.log.parent()})
        if (const auto room = sys::has_free_space(path); room && !*room)
            out.push_back(path);
    return out;
}

Surroundings surroundings(const Settings& settings) {
    return {.user = sys::own_user().user,
            .groups = own_groups(),
            .home = home_directory(),
            .docker_host = docker_host(),
            .programs = installed_hook().parent(),
            .own_program = sys::own_program().value_or(HostPath()),
            .kernel_log = kernel_lines(),
            .has_openat2 = has_openat2(),
            .now_ns = now_ns(),
            .boot_ns = boot_ns(),
            .full_directories = full_directories(settings),
            .gpus_in_mig_mode =
                [settings](const Inventory& inventory) {
                    return gpus_in_mig_mode(inventory, settings);
                },
            .has_capabilities = sys::has_file_capabilities,
            .ask = ask_once()};
}

std::vector<DriverHolder> driver_holders() {
    std::vector<DriverHolder> out;
    for (const auto& container : gpu_containers().containers)
        out.push_back({.id = container.id,
                       .engine = container.engine,
                       .user = container.user,
                       .driver_version = container.start.driver_version});
    return out;
}

Facts facts_of(const sys::HostFs& host) {
    auto settings = load_settings(std::nullopt, Variables::count);
    settings.settings.probe = probe_program(settings.settings);
    auto here = surroundings(settings.settings);
    auto facts = gather_facts(host, std::move(settings), std::move(here));
    facts.here.holders = driver_holders();
    facts.here.leftovers = find_leftovers(host, image_stores(facts));
    return facts;
}

/// Lines on standard error, so that the report stays a report.
void show(const Fixed& fixed) {
    for (const auto& line : fixed.done)
        complain("mended " + line);
    for (const auto& line : fixed.failed)
        complain("not mended " + line);
}

Status write_bundle(const HostPath& path, const Facts& facts, const std::vector<Area>& areas) {
    constexpr std::uint32_t owner_alone = 0600;
    if (sys::host_facts(path))
        return refused(quote(path.text()) + " is there already", "remove it, or name another file");
    const auto directory = GRAPNEL_TRY(sys::open_host_directory(path.parent()));
    return sys::make_file(directory.ref(), std::string(path.name()), bundle(facts, areas),
                          owner_alone);
}

int run(const Options& options) {
    const sys::LinuxHostFs host;
    if (options.fix)
        show(fix(all_areas(facts_of(host))));
    const auto facts = facts_of(host);
    const auto areas = all_areas(facts);
    if (options.bundle)
        if (const auto written = write_bundle(*options.bundle, facts, areas); !written)
            return finish(written);
    const auto said =
        say(options.json ? json_report(areas) : text_report(areas, Terminal::of_stdout()));
    return said ? exit_status(areas) : finish(said);
}

} // namespace

int doctor(std::span<const std::string> words) {
    const auto options = doctor_command::parse_options(words);
    if (!options)
        return wrong_usage(options.error());
    if (options->help)
        return answer(cmdline::help(doctor_command::command()));
    constexpr int programs_ms = 60'000; // modprobe, ldconfig, grapnel-probe, those of the engines
    return within_time_limit([&] { return run(*options); }, programs_ms);
}

} // namespace grapnel
