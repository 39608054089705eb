// SPDX-License-Identifier: Apache-2.0
#include "apply/ldcache.hpp"

#include "apply/ld_conf.hpp"
#include "base/text.hpp"
#include "sys/cage.hpp"
#include "sys/file.hpp"
#include "sys/mount.hpp"
#include "sys/sealed_copy.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>

namespace grapnel::apply {

namespace {

constexpr std::size_t cache_limit = std::size_t{16} << 20;
constexpr std::string_view cache_magic = "glibc-ld.so.cache1.1";
constexpr std::string_view old_cache_magic = "ld.so-1.7.0";
constexpr std::string_view real_ending = ".real";

/// Every plan puts device nodes there, so it exists; ldconfig needs nothing that lies in it.
const InsidePath& scratch_place() {
    static const auto place = inside_path("/dev");
    return place;
}

/// The image's directories come first, so that the loader prefers what it preferred before; but
/// for its libcuda, which the plan can prefer to all others, also its own. An ldconfig knows the
/// system directories of its own distribution only.
std::string configuration(const Plan& plan, sys::RootDir& root) {
    std::string text;
    if (plan.compat)
        text += plan.compat->directory.text() + "\n";
    for (const auto& directory : image_ld_conf(root).directories)
        text += directory + "\n";
    for (const auto& directory : plan.library_directories)
        text += directory.text() + "\n";
    for (const auto* const directory : {"/lib64", "/usr/lib64", "/lib", "/usr/lib"})
        text += std::string(directory) + "\n";
    return text;
}

/// A read-only or immutable directory, or something mounted on the file or in its place: the
/// loader finds the libraries in its default directories.
bool keeps_its_cache(int sys) {
    return sys == EROFS || sys == EBUSY || sys == EPERM || sys == EACCES || sys == EISDIR;
}

Result<std::string> made_cache(sys::FdRef scratch) {
    const auto text = GRAPNEL_TRY(sys::read_file_in(scratch, "ld.so.cache", cache_limit));
    if (!text.starts_with(cache_magic) && !text.starts_with(old_cache_magic))
        return refused("ldconfig made something that is not an ld.so.cache");
    return text;
}

Result<std::string> run_ldconfig(const Plan& plan, const LdConfig& ldconfig, sys::RootDir& root) {
    const auto tree = GRAPNEL_TRY(sys::clone_recursively(root.ref()));
    const auto& user = root.volume_user();
    const auto scratch = GRAPNEL_TRY(sys::new_tmpfs("32m", user ? user->owner : sys::own_user()));
    GRAPNEL_TRY(sys::make_file(scratch.ref(), "ld.so.conf", configuration(plan, root), 0444));
    const auto inside = [](const char* name) { return (scratch_place() / name).text(); };
    GRAPNEL_TRY(sys::run_caged({.program = ldconfig.program.ref(),
                                .root = tree.ref(),
                                .scratch = scratch.ref(),
                                .scratch_place = scratch_place(),
                                .user = user,
                                .arguments = {ldconfig.path.text(), "-f", inside("ld.so.conf"),
                                              "-C", inside("ld.so.cache")}}));
    return made_cache(scratch.ref());
}

/// One that was made for a mount goes when the container ends, if it is empty.
bool image_has_etc(sys::RootDir& root) {
    const auto etc = inside_path("/etc");
    return root.directory(etc)
           && std::ranges::find(root.creations(), etc, &sys::Creation::path)
                  == root.creations().end();
}

} // namespace

Result<std::optional<LdConfig>> open_ldconfig(const Plan& plan, const HostPath& path) {
    using Opened = std::optional<LdConfig>;
    if (plan.ldcache == LdCache::off || plan.library_directories.empty())
        return Opened();
    auto plain = path.empty() ? std::string("/sbin/ldconfig") : path.text();
    if (plain.ends_with(real_ending))
        plain.resize(plain.size() - real_ending.size());
    const auto real = GRAPNEL_TRY(HostPath::make(plain + std::string(real_ending)));
    if (auto program = sys::sealed_copy(real))
        return Opened(LdConfig{real, std::move(*program)});
    const auto chosen = GRAPNEL_TRY(HostPath::make(plain));
    auto program = GRAPNEL_TRY(sys::sealed_copy(chosen).cure(
        "name the host's in nvidia-container-cli.ldconfig, or set ldcache = \"off\""));
    return Opened(LdConfig{chosen, std::move(program)});
}

Result<std::optional<std::string>> update_ldcache(const Plan& plan, const LdConfig& ldconfig,
                                                  sys::RootDir& root) {
    using Remark = std::optional<std::string>;
    if (!image_has_etc(root))
        return Remark("the image has no /etc: no ld.so.cache is made");
    const auto cache = inside_path("/etc/ld.so.cache");
    if (GRAPNEL_TRY(root.is_on_volume(cache.parent())))
        return Remark("ld.so.cache stays as it is: " + quote(cache.parent().text())
                      + " lies on a volume");
    const auto fresh = GRAPNEL_TRY(run_ldconfig(plan, ldconfig, root));
    const auto old = root.read(cache, cache_limit);
    if (old && *old == fresh)
        return Remark();
    const auto written = root.write(cache, fresh, 0644);
    if (!written && keeps_its_cache(written.error().sys))
        return Remark("ld.so.cache stays as it is: " + written.error().text());
    if (!written)
        return Error(written.error());
    return Remark();
}

} // namespace grapnel::apply
