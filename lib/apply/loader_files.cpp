// SPDX-License-Identifier: Apache-2.0
#include "apply/loader_files.hpp"

#include "apply/ld_conf.hpp"
#include "base/text.hpp"
#include "plan/forward_compat.hpp"
#include "sys/file.hpp"

#include <algorithm>
#include <cerrno>

namespace grapnel::apply {

namespace {

using sys::FileFacts;

#if defined(__x86_64__)
constexpr auto musl_loader = "/lib/ld-musl-x86_64.so.1";
constexpr auto musl_path_file = "/etc/ld-musl-x86_64.path";
#else
constexpr auto musl_loader = "/lib/ld-musl-aarch64.so.1";
constexpr auto musl_path_file = "/etc/ld-musl-aarch64.path";
#endif
constexpr std::string_view musl_default_path = "/lib:/usr/local/lib:/usr/lib";
constexpr std::size_t musl_path_limit = 65536;

Status write_compat_file(const PlannedCompat& compat, sys::RootDir& root) {
    if (!image_ld_conf(root).reads_compat_file)
        return {};
    return root.put_file(compat_file(), compat.directory.text() + "\n");
}

/// Left by a container whose end nobody told this program of, or in an image that was made of
/// a running container.
void remove_compat_file(sys::RootDir& root) {
    const auto facts = root.facts(compat_file());
    if (facts && facts->type == FileFacts::Type::regular)
        (void)root.remove({.path = compat_file(), .facts = *facts}); // a read-only one stays
}

/// The loader looks for the SONAME. Packages bring the link; who copies the library alone
/// relies on ldconfig, which cannot write where it is run here.
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

std::vector<std::string> musl_directories(std::string_view text) {
    std::vector<std::string> out;
    for (const auto line : split(text, '\n'))
        for (const auto directory : split(line, ':'))
            if (!directory.empty())
                out.emplace_back(directory);
    return out;
}

Status write_musl_path(const Plan& plan, sys::RootDir& root) {
    if (!root.facts(inside_path(musl_loader)))
        return {};
    const auto path = inside_path(musl_path_file);
    const auto text = GRAPNEL_TRY(root.read(path, musl_path_limit));
    const auto before = musl_directories(text.value_or(std::string(musl_default_path)));
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
        return {};
    std::string lines;
    for (const auto& directory : after)
        lines += directory + "\n";
    return root.put_file(path, lines);
}

} // namespace

std::vector<std::string> write_loader_files(const Plan& plan, sys::RootDir& root) {
    std::vector<std::string> remarks;
    const auto note = [&](const Status& done) {
        if (!done)
            remarks.push_back(done.error().text());
    };
    if (plan.compat) {
        note(link_compat_library(*plan.compat, root));
        note(write_compat_file(*plan.compat, root));
    } else {
        remove_compat_file(root);
    }
    note(write_musl_path(plan, root));
    return remarks;
}

} // namespace grapnel::apply
