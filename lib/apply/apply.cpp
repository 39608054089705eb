// SPDX-License-Identifier: Apache-2.0
#include "apply/apply.hpp"

#include "apply/cleanup.hpp"
#include "apply/downgrade.hpp"
#include "apply/host_mounts.hpp"
#include "apply/host_nodes.hpp"
#include "apply/ldcache.hpp"
#include "apply/ldconfig.hpp"
#include "apply/loader_files.hpp"
#include "apply/mounts.hpp"
#include "apply/prune.hpp"
#include "base/format.hpp"
#include "confine/helper.hpp"
#include "confine/phase.hpp"
#include "confine/seccomp.hpp"
#include "devices/device_cgroup.hpp"
#include "sys/process.hpp"

#include <cerrno>
#include <optional>

namespace grapnel::apply {

namespace {

using confine::Phase;

/// The host's side, opened before the container is entered.
struct HostSide {
    Sources sources = {};
    LdConfig ldconfig = {};
    HostMounts mounts = {};
    std::optional<RecordStore> records = {}; ///< nothing where the container has no record
};

/// A start without a cleanup record is refused, but for two reasons: a lock that another process
/// keeps must not keep containers from starting, and a host can have nowhere to write.
Result<std::string> unrecorded_warning(const Error& error) {
    const bool nowhere =
        error.sys == EROFS || (error.sys == EACCES && sys::unprivileged_user().has_value());
    if (error.sys != EBUSY && !nowhere)
        return error;
    return "no cleanup record: files and links made in the root file system stay there when the "
           "container ends: "
           + error.text();
}

Result<HostSide> open_host_side(const Plan& plan, const Container& container,
                                const HostPath& ldconfig, Notices& notices) {
    HostSide host;
    GRAPNEL_TRY(make_host_nodes(plan, notices));
    GRAPNEL_TRY(confine::begin_phase(Phase::clone_sources));
    host.sources = GRAPNEL_TRY(open_sources(plan, container.mount_label));
    if (updates_ldcache(plan))
        host.ldconfig = open_ldconfig(ldconfig);
    // a namespace that this program shares with the container has the container's mounts too
    host.mounts = GRAPNEL_TRY(
        read_host_mounts(container.process ? std::nullopt : std::optional(container.rootfs)));
    if (!container.state || !container.claimant)
        return host;
    auto records = make_record_store();
    if (records)
        host.records = std::move(*records);
    else
        notices.warn(GRAPNEL_TRY(unrecorded_warning(records.error())));
    return host;
}

StartFacts start_facts(const Plan& plan, const State& state) {
    StartFacts facts{.bundle = state.bundle.text(), .driver_version = plan.driver_version};
    for (const auto& gpu : plan.gpus) {
        RecordedGpu recorded{.index = gpu.index, .minor = gpu.minor, .uuid = gpu.uuid};
        for (const auto& device : gpu.mig_devices)
            recorded.mig.push_back(
                device.uuid.empty() ? format_text("{}:{}", gpu.index, device.index) : device.uuid);
        facts.gpus.push_back(std::move(recorded));
    }
    return facts;
}

/// Another container that ended meanwhile may have removed files that were looked up before.
Result<std::optional<Claim>> claim(const Plan& plan, HostSide& host, Container& container,
                                   Notices& notices) {
    using Claimed = std::optional<Claim>;
    if (!host.records)
        return Claimed();
    auto claimed =
        Claim::make(*host.records, *container.state, *container.claimant,
                    start_facts(plan, *container.state), container.rootfs, container.root);
    container.root.invalidate();
    if (!claimed) {
        notices.warn(GRAPNEL_TRY(unrecorded_warning(claimed.error())));
        return Claimed();
    }
    prune_stale_records(*host.records, container.rootfs);
    return Claimed(std::move(*claimed));
}

/// The image's files of its loader, as they are before a mount point makes its directory newer than
/// the cache.
struct LoaderFiles {
    image::LdConf conf = {};
    image::ImageCache cache = {};
};

Result<std::optional<LoaderFiles>> look_at_loader_files(const Plan& plan, sys::RootDir& root) {
    using Found = std::optional<LoaderFiles>;
    if (!updates_ldcache(plan))
        return Found();
    auto conf = image::read_ld_conf(root);
    auto cache = GRAPNEL_TRY(image::look_at_cache(conf, root));
    return Found(LoaderFiles{std::move(conf), std::move(cache)});
}

Status enter(const Container& container) {
    if (!container.process)
        return {};
    GRAPNEL_TRY(container.process->alive());
    return container.process->enter_mount_namespace();
}

/// The helper process that runs ldconfig: behind the filter for the container nothing can be
/// executed. Nothing: there is no reason to.
using LdconfigHelper = std::optional<Result<confine::Helper>>;

LdconfigHelper prepare_ldconfig(const Plan& plan, const HostSide& host,
                                const std::optional<LoaderFiles>& loader, Container& container) {
    if (!loader || !reason_for_ldconfig(plan, loader->cache))
        return std::nullopt;
    const auto run = [&](const std::string&) {
        return run_ldconfig(plan, loader->conf, host.ldconfig, container.root);
    };
    return confine::Helper::start([] { return confine::begin_phase(Phase::ldconfig); }, run)
        .cure("allow it in the seccomp profile of an outer container, or set ldcache = \"off\"");
}

Result<std::string> run_prepared(LdconfigHelper& ldconfig) {
    auto& helper = *ldconfig;
    if (!helper)
        return std::move(helper).error();
    return helper->ask("run", ldconfig_time_limit_ms, ldconfig_cache_limit);
}

void restrict_to_root(const HostSide& host, const sys::RootDir& root, const AllowLog& allow_log) {
    confine::FileRules rules;
    rules.allow(root.ref(), confine::FileAccess::change);
    restrict_files(rules, host.records ? &*host.records : nullptr, allow_log);
}

/// Nothing that a container needs to start depends on them.
Status write_files(const Plan& plan, sys::RootDir& root, Notices& notices) {
    for (const auto& file : plan.files)
        GRAPNEL_TRY(downgrade(root.put_file(file.inside, file.text), notices));
    for (const auto& change : plan.modes)
        if (const auto done = root.change_mode(change.inside, change.mode); !done)
            GRAPNEL_TRY(downgrade(done.error(), notices));
    return {};
}

Status inside_work(const Plan& plan, const HostSide& host, const std::optional<LoaderFiles>& loader,
                   Container& container, const AllowLog& allow_log, Notices& notices) {
    auto& root = container.root;
    auto ldconfig = prepare_ldconfig(plan, host, loader, container);
    GRAPNEL_TRY(confine::filter_container());
    GRAPNEL_TRY(confine::begin_phase(Phase::attach));
    notices.add(host.sources.notices);
    GRAPNEL_TRY(attach_all(plan, host.sources, host.mounts.peer_groups, container, notices));
    restrict_to_root(host, root, allow_log);
    GRAPNEL_TRY(confine::begin_phase(Phase::write_files));
    GRAPNEL_TRY(write_files(plan, root, notices));
    if (!loader)
        return {};
    GRAPNEL_TRY(write_loader_files(plan, loader->conf, root, notices));
    return update_ldcache(
               plan, loader->cache, [&] { return run_prepared(ldconfig); }, root, notices)
        .note("update ld.so.cache")
        .about(Error::Subject::ldcache);
}

/// After this the container's mount namespace is this process's.
Status change(const Plan& plan, const HostSide& host, Container& container,
              const AllowLog& allow_log, Notices& notices) {
    if (plan.change_cgroup && container.process) {
        GRAPNEL_TRY(confine::begin_phase(Phase::device_cgroup));
        GRAPNEL_TRY(devices::allow_devices(*container.process, container.cgroup, plan.device_rules,
                                           host.mounts.cgroups, notices));
    }
    GRAPNEL_TRY(confine::begin_phase(Phase::enter));
    const auto loader = GRAPNEL_TRY(look_at_loader_files(plan, container.root));
    GRAPNEL_TRY(enter(container));
    sys::create_files_as(container.owner);
    auto done = inside_work(plan, host, loader, container, allow_log, notices);
    container.root.restore_times();
    sys::create_files_as(sys::own_user());
    return done;
}

/// Completes the record, also after a failed start: its creations stay until poststop or the next
/// start on that root file system.
Status record(const HostSide& host, const Container& container, const Claim& claim, bool started) {
    const auto& made = container.root.creations();
    if (!started && made.empty())
        return claim.release(*host.records);
    claim.complete(made);
    return {};
}

} // namespace

Status carry_out(const Plan& plan, Container container, const HostPath& ldconfig,
                 const AllowLog& allow_log, Notices& notices) {
    auto host = GRAPNEL_TRY(open_host_side(plan, container, ldconfig, notices));
    container.root.set_host_file_systems(host.mounts.file_systems);
    auto claimed = GRAPNEL_TRY(claim(plan, host, container, notices));
    if (claimed)
        container.root.announce_to([&](const auto& planned) { return claimed->note(planned); });
    auto done = change(plan, host, container, allow_log, notices);
    GRAPNEL_TRY(confine::begin_phase(Phase::done));
    const auto recorded = claimed ? record(host, container, *claimed, done.has_value()) : Status();
    return done ? recorded : done; // a failure to record comes second
}

} // namespace grapnel::apply
