// SPDX-License-Identifier: Apache-2.0
#include "apply/apply.hpp"

#include "apply/device_cgroup.hpp"
#include "apply/host_nodes.hpp"
#include "apply/ldcache.hpp"
#include "apply/loader_files.hpp"
#include "apply/mountinfo.hpp"
#include "apply/mounts.hpp"
#include "apply/residue.hpp"
#include "sys/cgroup.hpp"
#include "sys/privilege.hpp"

#include <cerrno>
#include <optional>

namespace grapnel::apply {

namespace {

using sys::Phase;

/// What is of the host, opened before the container is entered.
struct HostSide {
    Sources sources = {};
    std::optional<LdConfig> ldconfig = {};
    std::vector<MountInfo> mounts = {};
    std::optional<ResiduePlace> records = {}; ///< nothing where /run cannot be written to
    std::vector<std::string> remarks = {};
};

Result<HostSide> open_host_side(const Plan& plan, const Container& container,
                                const HostPath& ldconfig) {
    HostSide host;
    host.remarks = GRAPNEL_TRY(make_host_nodes(plan));
    GRAPNEL_TRY(sys::enter_phase(Phase::read_host));
    host.sources = GRAPNEL_TRY(open_sources(plan));
    host.ldconfig = GRAPNEL_TRY(open_ldconfig(plan, ldconfig));
    host.mounts = parse_mountinfo(GRAPNEL_TRY(sys::own_mountinfo()));
    if (!container.state)
        return host;
    if (auto records = make_residue_place())
        host.records = std::move(*records);
    else
        host.remarks.push_back("there is no place for a record of what is created: it stays in the "
                               "root file system");
    return host;
}

/// Who keeps a lock must not keep containers from starting: they go on without a record, or with
/// the one they have.
Status unless_busy(const Status& recorded, std::vector<std::string>& remarks) {
    if (recorded || recorded.error().sys != EBUSY)
        return recorded;
    remarks.push_back("what is created in the root file system stays there when the container "
                      "ends, because it cannot be recorded: "
                      + recorded.error().text());
    return {};
}

/// What was looked up before, another container that ended meanwhile may have removed.
Status claim(HostSide& host, Container& container) {
    if (!host.records)
        return {};
    const auto claimed = claim_rootfs(*host.records, *container.state, container.rootfs);
    GRAPNEL_TRY(unless_busy(claimed, host.remarks));
    if (claimed)
        forget_the_gone(*host.records, host.mounts);
    else
        host.records.reset();
    container.root.look_anew();
    return {};
}

Status enter(const Container& container) {
    GRAPNEL_TRY(sys::enter_phase(Phase::attach));
    if (!container.process)
        return {};
    GRAPNEL_TRY(container.process->alive());
    return container.process->enter_mount_namespace();
}

Result<std::vector<std::string>> inside_work(const Plan& plan, const HostSide& host,
                                             Container& container) {
    auto remarks = host.remarks;
    remarks.insert(remarks.end(), host.sources.remarks.begin(), host.sources.remarks.end());
    const auto left_out = GRAPNEL_TRY(attach_all(plan, host.sources, host.mounts, container));
    remarks.insert(remarks.end(), left_out.begin(), left_out.end());
    if (!host.ldconfig)
        return remarks;
    const auto not_written = write_loader_files(plan, container.root);
    remarks.insert(remarks.end(), not_written.begin(), not_written.end());
    GRAPNEL_TRY(sys::enter_phase(Phase::ldcache));
    auto remark = GRAPNEL_TRY(update_ldcache(plan, *host.ldconfig, container.root)
                                  .note("update ld.so.cache")
                                  .about(Error::Subject::ldcache));
    if (remark)
        remarks.push_back(std::move(*remark));
    return remarks;
}

/// After this the container's mount namespace is this process's.
Result<std::vector<std::string>> change(const Plan& plan, HostSide& host, Container& container) {
    if (plan.change_cgroup && container.process) {
        GRAPNEL_TRY(sys::enter_phase(Phase::device_cgroup));
        const auto not_kept = GRAPNEL_TRY(
            allow_devices(*container.process, container.cgroup, plan.device_rules, host.mounts));
        host.remarks.insert(host.remarks.end(), not_kept.begin(), not_kept.end());
    }
    GRAPNEL_TRY(enter(container));
    sys::create_files_as(container.owner);
    auto remarks = inside_work(plan, host, container);
    sys::create_files_as(sys::own_user());
    return remarks;
}

/// Also of a start that failed: what it made stays until poststop.
Status record(const HostSide& host, const Container& container, bool started) {
    if (!host.records)
        return {};
    const auto& made = container.root.creations();
    if (!made.empty())
        return save_residue(*host.records, *container.state, {container.rootfs, made});
    return started ? Status() : give_up_claim(*host.records, *container.state, container.rootfs);
}

} // namespace

Result<std::vector<std::string>> carry_out(const Plan& plan, Container container,
                                           const HostPath& ldconfig) {
    auto host = GRAPNEL_TRY(open_host_side(plan, container, ldconfig));
    GRAPNEL_TRY(claim(host, container));
    auto remarks = change(plan, host, container);
    GRAPNEL_TRY(sys::enter_phase(Phase::done));
    const auto recorded = record(host, container, remarks.has_value());
    if (!remarks)
        return remarks; // the first failure is the one to tell
    GRAPNEL_TRY(unless_busy(recorded, *remarks));
    return remarks;
}

} // namespace grapnel::apply
