// SPDX-License-Identifier: Apache-2.0
#include "apply/cdi_hook_plan.hpp"

#include "apply/given_libraries.hpp"
#include "base/text.hpp"
#include "image/compat_library.hpp"
#include "image/layout.hpp"
#include "image/ld_conf.hpp"
#include "plan/made_up_files.hpp"
#include "sys/host_fs.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace grapnel::apply {

namespace {

using sys::FileFacts;

/// After image::compat_file() in the order of names, before all that images have there.
const InsidePath& folders_file() {
    static const auto path = inside_path("/etc/ld.so.conf.d/00-nvcr-grapnel.conf");
    return path;
}

/// The directories in which the image's loader and its ldconfig look anyhow: with multiarch
/// directories not in /usr/lib64.
Result<std::set<std::string>> known_directories(const image::LdConf& conf, sys::RootDir& root) {
    std::set<std::string> known(conf.directories.begin(), conf.directories.end());
    const auto libraries = GRAPNEL_TRY(image::image_layout(root)).libraries.text();
    constexpr std::string_view usr = "/usr";
    const bool is_multiarch = libraries.starts_with("/usr/lib/");
    if (is_multiarch)
        known.insert({libraries, libraries.substr(usr.size())});
    else
        known.insert({"/lib", "/usr/lib", "/lib64", "/usr/lib64"});
    return known;
}

/// Where an ldconfig that is run in the container later finds the folders.
void add_folders_file(Plan& plan, const std::string& folders, sys::RootDir& root) {
    if (folders.empty())
        return;
    const auto conf = inside_path("/etc/ld.so.conf");
    if (const auto there = root.facts(conf); !there && sys::is_missing(there.error()))
        plan.files.push_back({.inside = conf, .text = "include /etc/ld.so.conf.d/*.conf\n"});
    plan.files.push_back({.inside = folders_file(), .text = folders});
}

/// The libcuda that the hook enable-cuda-compat has preferred.
Result<std::optional<PlannedCompat>> preferred_compat(sys::RootDir& root) {
    constexpr std::size_t limit = 4096;
    using Preferred = std::optional<PlannedCompat>;
    const auto text = root.read(image::compat_file(), limit);
    GRAPNEL_TRY(root.answers());
    if (!text || !*text)
        return Preferred();
    const auto directory = InsidePath::make(trim(**text));
    if (!directory)
        return Preferred();
    const auto found = GRAPNEL_TRY(image::find_compat_library(root, *directory));
    if (!found.library)
        return Preferred();
    return Preferred({.directory = *directory, .library = found.library->name});
}

Result<Plan> ldcache_plan(const CdiHookRequest& request, LdCache ldcache, sys::RootDir& root) {
    Plan plan{.ldcache = ldcache};
    const auto known = GRAPNEL_TRY(known_directories(image::read_ld_conf(root), root));
    std::string unknown;
    for (const auto& folder : request.folders) {
        if (!root.directory_facts(folder))
            continue;
        const bool is_known = known.contains(folder.text());
        if (!is_known)
            unknown += folder.text() + "\n";
        plan.library_directories.push_back(folder);
        std::ranges::move(
            GRAPNEL_TRY(given_libraries(root, folder, is_known ? Which::mounted : Which::all)),
            std::back_inserter(plan.mounts));
    }
    plan.links = soname_links(root, plan.mounts);
    plan.compat = GRAPNEL_TRY(preferred_compat(root));
    add_folders_file(plan, unknown, root);
    return plan;
}

Result<Plan> soname_plan(const CdiHookRequest& request, sys::RootDir& root) {
    Plan plan;
    for (const auto& folder : request.folders)
        std::ranges::move(
            soname_links(root, GRAPNEL_TRY(given_libraries(root, folder, Which::all))),
            std::back_inserter(plan.links));
    return plan;
}

/// Empty for a text that is no version.
std::optional<Version> version_of(const std::string& text) {
    return text.empty() ? std::nullopt : Version::parse(text);
}

Result<Plan> compat_plan(const CdiHookRequest& request, sys::RootDir& root) {
    Plan plan;
    const auto found = GRAPNEL_TRY(image::find_compat_library(root, request.compat_directory));
    const auto used = found.library ? use_compat(*found.library, version_of(request.driver_version),
                                                 version_of(request.cuda_version))
                                    : std::nullopt;
    if (used)
        plan.files.push_back(
            {.inside = image::compat_file(), .text = used->directory.text() + "\n"});
    return plan;
}

/// A file of the host's /proc/driver/nvidia that cannot be read is left out.
void show(Plan& plan, View& view, const std::string& name, const sys::HostFs& host) {
    const auto path = host_path("/proc/driver/nvidia") / name;
    const auto facts = host.stat(path);
    if (facts && facts->type == FileFacts::Type::directory) {
        view.directories.push_back(name);
        plan.mounts.push_back({.kind = Mount::Kind::proc,
                               .host = path,
                               .inside = view.inside / name,
                               .directory = true,
                               .optional = true});
        return;
    }
    if (auto text = host.read(path))
        view.files.push_back({.path = name, .text = without_device_changes(std::move(*text))});
}

Result<Plan> params_plan(sys::RootDir& root) {
    Plan plan;
    const sys::LinuxHostFs host;
    const auto params = host.read(host_path("/proc/driver/nvidia/params"));
    const auto facts = root.directory_facts(driver_proc_directory());
    GRAPNEL_TRY(root.answers());
    if (!facts || (!params && sys::is_missing(params.error())))
        return plan;
    if (GRAPNEL_TRY(params) == without_device_changes(*params))
        return plan;
    View view{.inside = driver_proc_directory(), .must_exist = true, .optional = true};
    for (const auto& name : GRAPNEL_TRY(host.list(host_path("/proc/driver/nvidia"))))
        if (is_plain_name(name))
            show(plan, view, name, host);
    plan.views.push_back(std::move(view));
    return plan;
}

/// Of a node of a GPU, such as nvidia0.
bool is_gpu_node(std::string_view name) {
    constexpr std::string_view prefix = "nvidia";
    return name.starts_with(prefix) && parse_number<std::uint32_t>(name.substr(prefix.size()));
}

Result<Plan> profile_plan(sys::RootDir& root) {
    Plan plan;
    const auto minors = GRAPNEL_TRY(gpu_minors(root));
    if (auto text = application_profile(minors))
        plan.files.push_back({.inside = application_profiles() / application_profile_name,
                              .text = std::move(*text)});
    return plan;
}

Result<Plan> work_of(const CdiHookRequest& request, LdCache ldcache, sys::RootDir& root) {
    switch (request.hook) {
    case CdiHook::create_symlinks:
        return Plan{.links = request.links};
    case CdiHook::update_ldcache:
        return ldcache_plan(request, ldcache, root);
    case CdiHook::enable_cuda_compat:
        return compat_plan(request, root);
    case CdiHook::disable_device_node_modification:
        return params_plan(root);
    case CdiHook::chmod:
        return Plan{.modes = request.modes};
    case CdiHook::update_application_profile:
        return profile_plan(root);
    case CdiHook::create_soname_symlinks:
        return soname_plan(request, root);
    case CdiHook::noop:
        break;
    }
    return Plan();
}

} // namespace

Result<std::vector<std::uint32_t>> gpu_minors(sys::RootDir& root) {
    const auto dev = inside_path("/dev");
    const auto names = root.list(dev);
    std::vector<std::uint32_t> minors;
    for (const auto& name : names ? *names : std::vector<std::string>()) {
        const auto facts =
            is_gpu_node(name) ? root.facts(dev / name) : Result<FileFacts>(FileFacts());
        if (facts && facts->type == FileFacts::Type::character_device)
            minors.push_back(facts->minor);
    }
    GRAPNEL_TRY(root.answers());
    return minors;
}

Result<Plan> plan_of(const CdiHookRequest& request, LdCache ldcache, sys::RootDir& root) {
    auto plan = GRAPNEL_TRY(work_of(request, ldcache, root));
    plan.change_cgroup = false;
    return plan;
}

} // namespace grapnel::apply
