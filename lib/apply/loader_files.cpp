// SPDX-License-Identifier: Apache-2.0
#include "apply/loader_files.hpp"

#include "apply/downgrade.hpp"
#include "base/text.hpp"
#include "image/musl.hpp"
#include "plan/forward_compat.hpp"
#include "sys/file.hpp"
#include "sys/host_fs.hpp"

#include <algorithm>
#include <cerrno>

namespace grapnel::apply {

namespace {

using sys::FileFacts;

Status write_compat_file(const PlannedCompat& compat, const image::LdConf& conf,
                         sys::RootDir& root) {
    if (!conf.reads_compat_file)
        return {};
    return root.put_file(image::compat_file(), compat.directory.text() + "\n");
}

/// Left by a container without poststop, or in an image that was made of a running container.
Status remove_compat_file(sys::RootDir& root) {
    const auto facts = root.facts(image::compat_file());
    if (!facts || facts->type != FileFacts::Type::regular)
        return {};
    const auto removed = root.remove({.path = image::compat_file(), .facts = *facts});
    if (!removed && sys::is_transient(removed.error()))
        return removed.error();
    return {}; // a read-only one stays
}

/// The loader looks for the SONAME. Packages bring the link; a copied library relies on ldconfig,
/// which cannot write in its cage.
Status link_compat_library(const PlannedCompat& compat, sys::RootDir& root) {
    const auto link = compat.directory / "libcuda.so.1";
    const auto there = root.facts(link);
    if (there || there.error().sys != ENOENT)
        return {};
    const auto directory = GRAPNEL_TRY(root.directory(compat.directory));
    const auto place = GRAPNEL_TRY(sys::facts(directory, ""));
    const auto image = GRAPNEL_TRY(sys::facts(root.ref(), ""));
    if (place.mount != image.mount)
        return refused(quote(link.text()) + " would stay on a volume");
    GRAPNEL_TRY(root.link(link, compat.library));
    return {};
}

/// The path file's new text; nothing: it stays.
std::optional<std::string> musl_path(const Plan& plan, const std::optional<std::string>& old) {
    const auto before = image::musl_directories(old);
    auto after = before;
    std::erase(after, compat_directory().text());
    std::erase(after, jetson_compat_directory().text());
    if (plan.compat)
        after.insert(after.begin(), plan.compat->directory.text());
    for (const auto& mount : plan.mounts) {
        const auto directory = mount.inside.parent().text();
        if (mount.kind == Mount::Kind::library && !mount.optional
            && std::ranges::find(after, directory) == after.end())
            after.push_back(directory);
    }
    if (after == before)
        return std::nullopt;
    std::string lines;
    for (const auto& directory : after)
        lines += directory + "\n";
    return lines;
}

Status write_musl_path(const Plan& plan, sys::RootDir& root) {
    if (!root.facts(image::musl_loader()))
        return {};
    return root.edit_file(image::musl_path_file(),
                          [&](const auto& old) { return musl_path(plan, old); });
}

} // namespace

Status write_loader_files(const Plan& plan, const image::LdConf& conf, sys::RootDir& root,
                          Notices& notices) {
    if (plan.compat) {
        GRAPNEL_TRY(downgrade(link_compat_library(*plan.compat, root), notices));
        GRAPNEL_TRY(downgrade(write_compat_file(*plan.compat, conf, root), notices));
    } else {
        GRAPNEL_TRY(remove_compat_file(root));
    }
    GRAPNEL_TRY(downgrade(write_musl_path(plan, root), notices));
    return root.answers();
}

} // namespace grapnel::apply
