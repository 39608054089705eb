// SPDX-License-Identifier: Apache-2.0
#include "apply/container.hpp"

#include "base/text.hpp"
#include "confine/confined_child.hpp"
#include "confine/phase.hpp"
#include "sys/capabilities.hpp"

#include <cerrno>
#include <climits>

namespace grapnel::apply {

namespace {

/// crun's is: prctl(PR_SET_DUMPABLE).
const std::string process_is_closed =
    "the container's process cannot be entered by the user who started it";
constexpr std::string_view use_another_runtime =
    "crun without root has no way for hooks: use runc, or podman with either of them, or CDI";

constexpr std::uint32_t nobody = 65534;
constexpr std::size_t cgroup_limit = std::size_t{64} << 10;
constexpr auto bundle_cure = "root.path in config.json must name it";
constexpr auto named_cure = "name the root file system's directory by its absolute path";

Error no_rootfs(const HostPath& rootfs, const std::string& where, const char* cure = bundle_cure) {
    return refused("the root file system " + rootfs.text() + " was not found " + where, cure);
}

/// The ID in this process's user namespace of an ID inside (user_namespaces(7): lines of inside,
/// outside, count).
std::optional<std::uint32_t> mapped(std::string_view map, std::uint32_t id) {
    for (const auto line : split(map, '\n')) {
        std::vector<std::uint32_t> numbers;
        for (const auto word : split(line, ' '))
            if (const auto number = parse_number<std::uint32_t>(word))
                numbers.push_back(*number);
        if (numbers.size() == 3 && id >= numbers[0] && id - numbers[0] < numbers[2])
            return numbers[1] + (id - numbers[0]);
    }
    return std::nullopt;
}

/// The IDs of a container's user namespace, as this process's has them.
struct IdMaps {
    std::string users = {};
    std::string groups = {};
    bool identity = true;

    /// Whoever has no ID here is nobody.
    [[nodiscard]] std::uint32_t user(std::uint32_t id, std::uint32_t otherwise = nobody) const {
        return identity ? id : mapped(users, id).value_or(otherwise);
    }
    [[nodiscard]] std::uint32_t group(std::uint32_t id, std::uint32_t otherwise = nobody) const {
        return identity ? id : mapped(groups, id).value_or(otherwise);
    }
    [[nodiscard]] sys::FileOwner root() const { return {.user = user(0, 0), .group = group(0, 0)}; }
    [[nodiscard]] sys::FileUser of(const ProcessUser& user_inside) const {
        sys::FileUser out{.owner = {user(user_inside.user), group(user_inside.group)}};
        for (const auto id : user_inside.groups)
            out.groups.push_back(group(id));
        return out;
    }
};

/// In a user namespace that the hook shares (rootless podman) root is root: its map tells the
/// IDs of the namespace above.
Result<IdMaps> id_maps(const sys::Process& process) {
    const auto theirs = GRAPNEL_TRY(process.user_namespace());
    const auto ours = GRAPNEL_TRY(sys::own_user_namespace());
    if (theirs == ours)
        return IdMaps{};
    return IdMaps{.users = GRAPNEL_TRY(process.read("uid_map")),
                  .groups = GRAPNEL_TRY(process.read("gid_map")),
                  .identity = false};
}

/// The IDs of a field of /proc/PID/status (proc(5)), in the numbers of this user namespace.
std::vector<std::uint32_t> ids_of(std::string_view status, std::string_view field) {
    std::vector<std::uint32_t> ids;
    for (const auto line : split(status, '\n'))
        if (line.starts_with(field))
            for (const auto tabbed : split(line.substr(field.size()), '\t'))
                for (const auto word : split(tabbed, ' '))
                    if (const auto id = parse_number<std::uint32_t>(word))
                        ids.push_back(*id);
    return ids;
}

/// A command line does not tell the user of a container, but a process that is not root now will
/// not be root later. A runtime's own one is: its root need not be the user of the container, and
/// need not be the root of this host.
Result<sys::FileUser> volume_user(const sys::Process& process, const sys::FileOwner& root) {
    const auto status = GRAPNEL_TRY(process.read("status"));
    constexpr std::size_t filesystem = 3; // behind the real, effective and saved ID
    const auto users = ids_of(status, "Uid:");
    const auto groups = ids_of(status, "Gid:");
    if (users.size() <= filesystem || groups.size() <= filesystem)
        return refused("/proc/PID/status of the container's process names no user");
    if (users[filesystem] != root.user)
        return sys::FileUser{.owner = {users[filesystem], groups[filesystem]},
                             .groups = ids_of(status, "Groups:")};
    if (root == sys::FileOwner{} && sys::in_initial_user_namespace())
        return sys::FileUser{.owner = {nobody, nobody}};
    return sys::FileUser{.owner = root};
}

Status check_mount_namespace(const sys::Process& process) {
    const auto theirs = GRAPNEL_TRY(process.mount_namespace());
    const auto ours = GRAPNEL_TRY(sys::own_mount_namespace());
    if (theirs == ours)
        return refused("the container has no mount namespace of its own",
                       "add {\"type\": \"mount\"} to linux.namespaces in config.json");
    return {};
}

/// Of a process that a command line names: it can be any.
Status check_not_the_hosts(std::uint64_t mount_namespace, const std::string& whose) {
    if (!sys::is_initial_mount_namespace(mount_namespace))
        return {};
    return refused(whose + " mount namespace is the host's, where everything would stay mounted",
                   "give it one of its own, as 'unshare --mount --propagation slave' does");
}

Result<sys::RootDir> open_named_rootfs(sys::FdRef base, const HostPath& rootfs,
                                       const std::string& where) {
    if (rootfs == host_path("/"))
        return refused("/ is no container's root file system", named_cure);
    auto root = sys::RootDir::open(base, rootfs);
    if (!root && (root.error().sys == ENOENT || root.error().sys == ENOTDIR))
        return no_rootfs(rootfs, where, named_cure);
    return root;
}

} // namespace

Result<std::string> read_config(const HostPath& bundle) {
    return sys::read_host_file(bundle / "config.json", spec_size_limit)
        .note("the bundle")
        .cure("it must hold the container's config.json");
}

Result<HostPath> rootfs_by_config(const std::string& config, const HostPath& bundle) {
    const auto path = [&]() -> Result<std::string> {
        const auto spec = GRAPNEL_TRY(parse_spec(config));
        return GRAPNEL_TRY(rootfs_path(spec, bundle)).text();
    };
    return HostPath::make(GRAPNEL_TRY(confine::compute_confined(PATH_MAX, path)));
}

Status enter_user_namespace(const State& state) {
    if (!state.pid || sys::may_mount())
        return {};
    GRAPNEL_TRY(confine::enter_phase(confine::Phase::look_inside));
    const auto process = GRAPNEL_TRY(sys::Process::open(*state.pid));
    const auto theirs = process.user_namespace();
    const auto ours = GRAPNEL_TRY(sys::own_user_namespace());
    if (theirs && *theirs == ours) // whatever needs a right says so
        return confine::enter_phase(confine::Phase::read_host);
    GRAPNEL_TRY(process.enter_user_namespace()
                    .note("the hook has no right to mount, and " + process_is_closed)
                    .cure(use_another_runtime));
    GRAPNEL_TRY(confine::confine_capabilities());
    return confine::enter_phase(confine::Phase::read_host);
}

Result<Container> open_container(const State& state, const Spec& spec) {
    if (!state.pid)
        return refused("the container's state on stdin names no process",
                       "the stages prestart and createRuntime come after 'create'");
    const auto rootfs = GRAPNEL_TRY(rootfs_path(spec, state.bundle));
    auto process = GRAPNEL_TRY(sys::Process::open(*state.pid));
    GRAPNEL_TRY(check_mount_namespace(process));
    const auto base = GRAPNEL_TRY(process.root());
    auto root = sys::RootDir::open(base.ref(), rootfs);
    const auto where = "in the mount namespace of process " + std::to_string(*state.pid);
    if (!root && (root.error().sys == ENOENT || root.error().sys == ENOTDIR))
        return no_rootfs(rootfs, where);
    if (!root)
        return root.error();
    const auto facts = GRAPNEL_TRY(sys::facts(root->ref(), ""));
    if (!facts.mount_root)
        return no_rootfs(rootfs, "mounted " + where);
    const auto maps = GRAPNEL_TRY(id_maps(process));
    root->act_on_volumes_as(maps.of(spec.user));
    return Container{
        .state = state,
        .claimant = GRAPNEL_TRY(sys::process_identity(*state.pid)),
        .rootfs = rootfs,
        .process = std::move(process),
        .root = std::move(*root),
        .owner = maps.root(),
        .cgroup = {.owner = devices::cgroup_owner(spec, state.id), .rules = spec.device_rules},
        .mount_label = spec.mount_label};
}

Result<Container> open_container(pid_t pid, const HostPath& rootfs) {
    auto process = GRAPNEL_TRY(sys::Process::open(pid));
    const auto whose = "process " + std::to_string(pid);
    const auto theirs = GRAPNEL_TRY(process.mount_namespace());
    if (theirs == GRAPNEL_TRY(sys::own_mount_namespace()))
        return refused(whose + " has no mount namespace of its own",
                       "name the container's process, or leave its ID out in a namespace that is "
                       "the container's");
    GRAPNEL_TRY(check_not_the_hosts(theirs, whose + "'s"));
    const auto base = GRAPNEL_TRY(process.root());
    auto root =
        GRAPNEL_TRY(open_named_rootfs(base.ref(), rootfs, "in the mount namespace of " + whose));
    const auto owner = GRAPNEL_TRY(id_maps(process)).root();
    root.act_on_volumes_as(GRAPNEL_TRY(volume_user(process, owner)));
    auto reference_cgroup =
        GRAPNEL_TRY(sys::read_host_file(host_path("/proc/self/cgroup"), cgroup_limit));
    return Container{.rootfs = rootfs,
                     .process = std::move(process),
                     .root = std::move(root),
                     .owner = owner,
                     .cgroup = {.owner = {.reference_cgroup = std::move(reference_cgroup)}}};
}

Status check_own_mount_namespace() {
    const auto ours = GRAPNEL_TRY(sys::own_mount_namespace());
    return check_not_the_hosts(ours, "this program's");
}

Result<Container> open_own_container(const HostPath& rootfs) {
    GRAPNEL_TRY(check_own_mount_namespace());
    const auto base = GRAPNEL_TRY(sys::open_host_path(host_path("/")));
    auto root = GRAPNEL_TRY(open_named_rootfs(base.ref(), rootfs, "here"));
    return Container{.rootfs = rootfs, .root = std::move(root), .owner = sys::own_user()};
}

Result<Container> open_container_from_inside(const State& state) {
    const auto config = read_config(state.bundle);
    const auto spec = config ? parse_spec(*config) : Result<Spec>(config.error());
    if (!spec && !state.root) {
        auto error = spec.error();
        if (error.sys == EACCES)
            error.cure = "the root of the container's user namespace must reach it; a live file of "
                         "'grapnel cdi generate' does without";
        return error;
    }
    const auto rootfs = state.root ? *state.root : GRAPNEL_TRY(rootfs_path(*spec, state.bundle));
    const auto base = GRAPNEL_TRY(sys::open_host_path(host_path("/")));
    auto root = GRAPNEL_TRY(open_named_rootfs(base.ref(), rootfs, "here"));
    // the hook is in the container's user namespace, so config.json's numbers are its own
    const auto user = spec ? spec->user : ProcessUser{.user = nobody, .group = nobody};
    root.act_on_volumes_as(sys::FileUser{.owner = {user.user, user.group}, .groups = user.groups});
    return Container{.state = state,
                     .rootfs = rootfs,
                     .root = std::move(root),
                     .owner = sys::own_user(),
                     .mount_label = spec ? spec->mount_label : std::string()};
}

Result<sys::RootDir> open_rootfs(const HostPath& rootfs) {
    const auto base = GRAPNEL_TRY(sys::open_host_path(host_path("/")));
    auto root = sys::RootDir::open(base.ref(), rootfs);
    if (!root && (root.error().sys == ENOENT || root.error().sys == ENOTDIR))
        return no_rootfs(rootfs, "on the host");
    return root;
}

} // namespace grapnel::apply
