// SPDX-License-Identifier: Apache-2.0
#include "apply/ldconfig.hpp"

#include "confine/cage.hpp"
#include "confine/sealed_copy.hpp"
#include "elf/ld_cache.hpp"
#include "sys/file.hpp"
#include "sys/mount.hpp"

namespace grapnel::apply {

namespace {

constexpr std::string_view real_ending = ".real";
constexpr auto without_cache = "set ldcache = \"off\"";
constexpr auto other_ldconfig =
    "name the host's in nvidia-container-cli.ldconfig, or set ldcache = \"off\"";

/// Every plan puts device nodes there, so it exists; ldconfig needs nothing that lies in it.
const InsidePath& scratch_place() {
    static const auto place = inside_path("/dev");
    return place;
}

/// An ldconfig knows the system directories of its own distribution only.
std::string configuration(const Plan& plan, const image::LdConf& conf) {
    std::string text;
    for (const auto& directory : conf.directories)
        text += directory + "\n";
    for (const auto& directory : plan.library_directories)
        text += directory.text() + "\n";
    for (const auto* const directory : {"/lib64", "/usr/lib64", "/lib", "/usr/lib"})
        text += std::string(directory) + "\n";
    return text;
}

Result<LdConfig> open_program(const HostPath& path) {
    auto program = GRAPNEL_TRY(sys::open_host_file(path));
    return LdConfig{path, std::move(program)};
}

Result<LdConfig> find_ldconfig(const HostPath& path) {
    auto plain = path.empty() ? std::string("/sbin/ldconfig") : path.text();
    if (plain.ends_with(real_ending))
        plain.resize(plain.size() - real_ending.size());
    if (auto real = open_program(GRAPNEL_TRY(HostPath::make(plain + std::string(real_ending)))))
        return real;
    return open_program(GRAPNEL_TRY(HostPath::make(plain))).cure(other_ldconfig);
}

/// A program cannot be run from memory where the kernel's settings or a seccomp filter forbid it.
Result<sys::Fd> program_in_memory(const LdConfig& ldconfig) {
    auto program = confine::sealed_copy(ldconfig.program.ref(), ldconfig.path);
    if (!program) {
        auto& cure = program.error().cure;
        cure += cure.empty() ? without_cache : std::string(", or ") + without_cache;
    }
    return program;
}

} // namespace

LdConfig open_ldconfig(const HostPath& path) {
    auto found = find_ldconfig(path);
    return found ? std::move(*found) : LdConfig{.missing = std::move(found.error())};
}

Result<std::string> run_ldconfig(const Plan& plan, const image::LdConf& conf,
                                 const LdConfig& ldconfig, sys::RootDir& root) {
    if (ldconfig.missing)
        return *ldconfig.missing;
    const auto program = GRAPNEL_TRY(program_in_memory(ldconfig));
    const auto tree = GRAPNEL_TRY(sys::clone_recursively(root.ref()));
    const auto& user = root.volume_user();
    const auto scratch = GRAPNEL_TRY(sys::new_tmpfs("32m", user ? user->owner : sys::own_user()));
    GRAPNEL_TRY(sys::make_file(scratch.ref(), "ld.so.conf", configuration(plan, conf), 0444));
    const auto inside = [](const char* name) { return (scratch_place() / name).text(); };
    GRAPNEL_TRY(confine::run_caged({.program = program.ref(),
                                    .root = tree.ref(),
                                    .scratch = scratch.ref(),
                                    .scratch_place = scratch_place(),
                                    .user = user,
                                    .arguments = {ldconfig.path.text(), "-f", inside("ld.so.conf"),
                                                  "-C", inside("ld.so.cache")}}));
    auto text = GRAPNEL_TRY(sys::read_file_in(scratch.ref(), "ld.so.cache", ldconfig_cache_limit));
    if (!is_ld_cache(text))
        return refused("ldconfig made something that is not an ld.so.cache");
    return text;
}

} // namespace grapnel::apply
