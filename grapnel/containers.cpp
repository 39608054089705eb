// SPDX-License-Identifier: Apache-2.0
#include "containers.hpp"
#include "apply/record_header.hpp"
#include "apply/record_store.hpp"
#include "base/text.hpp"
#include "cgroup_guess.hpp"
#include "container_process.hpp"
#include "driver/gpus.hpp"
#include "driver/inventory.hpp"
#include "driver/nodes.hpp"
#include "parallel.hpp"
#include "sys/directory.hpp"
#include "sys/file.hpp"
#include "sys/host_fs.hpp"
#include "sys/proc_file.hpp"
#include "sys/process_identity.hpp"
#include "unrecorded.hpp"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <span>
#include <utility>

namespace grapnel {

namespace {

using apply::RecordStore;
using Containers = std::vector<GpuContainer>;

constexpr std::size_t usual_header = std::size_t{1} << 10;
constexpr std::size_t longest_header = std::size_t{64} << 10;
constexpr std::string_view record_ending = ".jsonl";
constexpr std::size_t key_number = 17; // "-" and 16 digits behind the ID

/// Of rootless engines: their records are read as well, where this user may.
std::vector<std::pair<HostPath, std::string>> all_stores() {
    std::vector<std::pair<HostPath, std::string>> out{{host_path("/run/grapnel"), ""}};
    const auto users = sys::LinuxHostFs().list(host_path("/run/user"));
    if (users)
        for (const auto& user : *users)
            out.emplace_back(host_path("/run/user") / user / "grapnel", user);
    return out;
}

/// The first line of a record, which holds the facts on the start; the rest is for the cleanup.
std::string header_of(const RecordStore& store, const std::string& name) {
    for (const auto size : {usual_header, longest_header}) {
        auto text = sys::read_beginning_in(store.records.ref(), name, size).value_or("");
        if (const auto end = text.find('\n'); end != std::string::npos) {
            text.resize(end + 1);
            return text;
        }
    }
    return {};
}

/// Nothing for a record of an earlier version, which has no facts, and for an ended container.
std::optional<apply::RecordHeader> facts_of(const std::string& header) {
    if (auto plain = apply::read_record_header(header))
        return plain;
    auto record = header.empty() ? refused("no line") : apply::parse_cleanup_record(header);
    if (!record || record->start == apply::StartFacts{})
        return std::nullopt;
    return apply::RecordHeader{record->rootfs.text(), std::move(record->start)};
}

std::optional<sys::ProcessIdentity> claimant(const RecordStore& store, const std::string& rootfs,
                                             const std::string& key) {
    const auto claim = apply::claims_path(apply::number_of(rootfs)) + "/" + key;
    const auto target = sys::read_link_in(store.directory.ref(), claim);
    return target ? sys::parse_process_identity(*target) : std::nullopt;
}

/// A process in the cgroup of the container's ID is the container's, and no zombie
/// (css_task_iter_advance): neither its stat and its cgroup nor the claim need be read.
bool add_guessed_process(GpuContainer& container, const CgroupGuess& guess) {
    auto cgroup = container.start.process ? guess.of(container.engine, container.id) : std::nullopt;
    if (!cgroup)
        return false;
    auto processes = processes_in(*cgroup);
    const auto& first = *container.start.process;
    if (std::ranges::find(processes, first.pid) == processes.end())
        return false;
    container.process = first.pid;
    container.since = sys::started_at(first);
    container.cgroup = std::move(*cgroup);
    container.processes = std::move(processes);
    return true;
}

/// `guess` is null for records that a user can change.
std::optional<GpuContainer> container_of(const RecordStore& store, const std::string& name,
                                         CgroupGuess* guess) {
    static const auto own_pids = sys::own_pid_namespace().value_or(0);
    auto record = facts_of(header_of(store, name));
    if (!record)
        return std::nullopt;
    const auto key = name.substr(0, name.size() - record_ending.size());
    GpuContainer out{.id = key.substr(0, key.size() - std::min(key_number, key.size())),
                     .engine = engine_of_bundle(record->start.bundle),
                     .start = std::move(record->start)};
    const bool is_here = out.start.process && out.start.process->pid_namespace == own_pids;
    if (guess != nullptr && is_here && add_guessed_process(out, *guess))
        return out;
    const auto identity = claimant(store, record->rootfs, key);
    if (!identity || !sys::is_running(*identity, own_pids))
        return std::nullopt;
    add_process(out, *identity);
    if (guess != nullptr)
        guess->learn(out.engine, out.id, out.cgroup);
    return out;
}

/// A record in a user's directory counts for that user's own containers alone, which have a user
/// namespace: any user can write there the PID of another's process.
bool is_of_user(const GpuContainer& container, const std::string& user) {
    if (user.empty())
        return true;
    const auto owner = sys::user_namespace_owner(container.process);
    return owner && std::to_string(*owner) == user;
}

std::vector<std::string> record_names(const RecordStore& store) {
    auto names = sys::directory_names(store.records.ref(), store.path.text());
    auto out = names ? std::move(*names) : std::vector<std::string>();
    std::erase_if(out, [](const auto& name) { return !name.ends_with(record_ending); });
    return out;
}

Containers recorded(const RecordStore& store, const std::string& user,
                    std::span<const std::string> names) {
    Containers out;
    out.reserve(names.size());
    CgroupGuess guess;
    for (const auto& name : names) {
        auto container = container_of(store, name, user.empty() ? &guess : nullptr);
        if (!container || !is_of_user(*container, user))
            continue;
        container->user = user;
        out.push_back(std::move(*container));
    }
    return out;
}

/// Two system calls of three open a file: processors do that at once.
void add_recorded(const RecordStore& store, const std::string& user, Containers& out) {
    constexpr std::size_t worth_a_thread = 100; // records
    const auto names = record_names(store);
    const auto parts = part_count(names.size() / worth_a_thread);
    auto found = in_parallel<Containers>(parts, [&](std::size_t part) {
        const auto begin = names.size() * part / parts;
        const auto end = names.size() * (part + 1) / parts;
        return recorded(store, user, std::span(names).subspan(begin, end - begin));
    });
    out.reserve(out.size() + names.size());
    for (auto& containers : found)
        std::ranges::move(containers, std::back_inserter(out));
}

} // namespace

std::vector<Gpu> host_gpus() {
    const sys::LinuxHostFs host;
    Notices notices;
    auto found = driver::gpus(host, driver::character_majors(host), {}, notices);
    return found ? std::move(found->gpus) : std::vector<Gpu>();
}

void add_process(GpuContainer& container, const sys::ProcessIdentity& identity) {
    container.process = identity.pid;
    container.since = sys::started_at(identity);
    container.cgroup = cgroup_of(identity.pid);
    container.processes = processes_of(container.cgroup, identity.pid);
}

GpuContainers gpu_containers() {
    GpuContainers out;
    for (const auto& [path, user] : all_stores()) {
        const auto store = apply::open_record_store(path);
        if (store)
            add_recorded(*store, user, out.containers);
        else if (user.empty() && store.error().sys == EACCES)
            out.notices.warn(path.text()
                             + ": permission denied: containers of other users are left "
                               "out: run this as root");
    }
    add_unrecorded(out);
    std::ranges::sort(out.containers, {}, &GpuContainer::id);
    return out;
}

Result<std::optional<GpuContainer>> container_named(const std::string& name,
                                                    const std::vector<GpuContainer>& containers) {
    std::optional<GpuContainer> found;
    for (const auto& container : containers) {
        if (container.id == name)
            return std::optional(container);
        if (name.empty() || !container.id.starts_with(name))
            continue;
        if (found)
            return refused(quote(name) + " is the beginning of several containers' IDs",
                           "'grapnel ps --json' has them in full");
        found = container;
    }
    return found;
}

std::optional<GpuContainer> container_of_process(pid_t process,
                                                 const std::vector<GpuContainer>& containers) {
    const auto has = [&](const auto& container) {
        return std::ranges::find(container.processes, process) != container.processes.end();
    };
    const auto found = std::ranges::find_if(containers, has);
    return found == containers.end() ? std::nullopt : std::optional(*found);
}

} // namespace grapnel
