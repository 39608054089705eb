// SPDX-License-Identifier: Apache-2.0
#include "cdi_hook_table.hpp"

namespace grapnel::cdi_hook {

using namespace cmdline;

namespace {

constexpr Row<Given> folder{
    {"folder", '\0', Value::needed, "DIRECTORY", "a directory of libraries; several times"},
    append<&Given::folders>};
constexpr Row<Given> ldconfig_path{
    {"ldconfig-path", '\0', Value::needed, "FILE", "the host's ldconfig", files},
    set<&Given::ldconfig_path>};

Rows with_global(Rows own) {
    own.push_back({{"container-spec", '\0', Value::needed, "FILE",
                    "the container's state, instead of standard input", files},
                   set<&Given::container_spec>});
    own.insert(own.end(), global_rows().begin(), global_rows().end());
    return own;
}

Rows link_rows() {
    return with_global({{{"link", '\0', Value::needed, "TARGET::LINK", "a link; several times"},
                         append<&Given::links>}});
}

Rows compat_rows() {
    using enum Value;
    return with_global(
        {{{"host-driver-version", '\0', needed, "VERSION", "of the host's driver"},
          set<&Given::driver_version>},
         {{"host-cuda-version", '\0', needed, "VERSION", "that the host's driver serves"},
          set<&Given::cuda_version>},
         {{"cuda-compat-container-root", '\0', needed, "DIRECTORY",
           "of the image's libcuda (/usr/local/cuda/compat)"},
          set<&Given::compat_root>}});
}

Rows chmod_rows() {
    using enum Value;
    return with_global({{{"mode", '\0', needed, "OCTAL", "the permissions"}, set<&Given::mode>},
                        {{"path", '\0', needed, "PATH", "a file or directory; several times"},
                         append<&Given::paths>}});
}

} // namespace

const Rows& global_rows() {
    using enum Value;
    static const Rows rows{
        {{"debug", 'd', none, "", "write warnings on standard error too"}, set_flag<&Given::debug>},
        {{"quiet", '\0', none, "", "write errors alone on standard error"},
         set_flag<&Given::quiet>},
        {{"version", 'v', none, "", "print the version", {}, true}, set_flag<&Given::version>},
        {{"help", 'h', none, "", "print this", {}, true}, set_flag<&Given::help>},
    };
    return rows;
}

const std::vector<Entry>& entries() {
    static const std::vector<Entry> known{
        {"create-symlinks", "make links", link_rows()},
        {"update-ldcache", "bring ld.so.cache up to date with libraries of the driver",
         with_global({folder, ldconfig_path})},
        {"enable-cuda-compat", "prefer a libcuda of the image that serves the host's driver",
         compat_rows()},
        {"disable-device-node-modification", "keep the driver from making device nodes",
         with_global({})},
        {"chmod", "change permissions", chmod_rows()},
        {"update-application-profile", "show EGL and Vulkan the container's GPUs alone",
         with_global({})},
        {"create-soname-symlinks", "make the links of SONAMEs",
         with_global({folder, ldconfig_path})},
    };
    return known;
}

Program program() {
    Program out{.names = {"nvidia-cdi-hook"}};
    out.itself = {
        .synopsis = "nvidia-cdi-hook [OPTION]... HOOK [OPTION]...",
        .about = "The hooks of CDI files that NVIDIA's tools wrote. The container's state is read\n"
                 "on standard input.\n",
        .operand = "hooks",
        .options = options_of(global_rows()),
    };
    for (const auto& entry : entries()) {
        out.commands.push_back(
            {.name = entry.name,
             .help = entry.help,
             .synopsis = "nvidia-cdi-hook " + std::string(entry.name) + " [OPTION]...",
             .options = options_of(entry.rows)});
        out.itself.words.push_back({entry.name, entry.help});
    }
    return out;
}

} // namespace grapnel::cdi_hook
