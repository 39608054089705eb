// SPDX-License-Identifier: Apache-2.0
#include "stale_cdi_file.hpp"

#include "base/format.hpp"
#include "base/text.hpp"
#include "driver/driver_version.hpp"
#include "driver/nodes.hpp"
#include "sys/host_fs.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel::cdi_hook {

namespace {

using apply::CdiHook;
using sys::FileFacts;

Error stale(const std::string& object, const std::string& cause) {
    return refused(format_text("{}: {}: the CDI file is stale", object, cause),
                   "write it again with 'nvidia-ctk cdi generate --output=FILE', or 'grapnel cdi "
                   "refresh'");
}

Error other_driver(const std::string& object, const std::string& version,
                   const std::string& loaded) {
    return stale(object, "it is of driver " + version + ", and driver " + loaded + " is loaded");
}

Status check_links(const apply::CdiHookRequest& request, const std::string& loaded) {
    for (const auto& link : request.links) {
        const auto name = link.target.substr(link.target.rfind('/') + 1);
        if (const auto version = driver::version_in_name(name); version && *version != loaded)
            return other_driver(link.target, *version, loaded);
    }
    return {};
}

/// The image's own libraries, which are no mounts, do not count; nor does another driver's beside
/// the loaded one's.
Status check_folder(const InsidePath& folder, const std::string& loaded, sys::RootDir& root) {
    std::optional<std::pair<std::string, std::string>> other;
    const auto names = root.list(folder);
    for (const auto& name : names ? *names : std::vector<std::string>()) {
        const auto version = driver::version_in_name(name);
        if (!version)
            continue;
        const auto facts = root.facts(folder / name);
        if (!facts || !facts->mount_root)
            continue;
        if (*version == loaded)
            return root.answers();
        other = {(folder / name).text(), *version};
    }
    GRAPNEL_TRY(root.answers());
    return other ? Status(other_driver(other->first, other->second, loaded)) : Status();
}

/// Nodes with a number at the end of their names.
struct NumberedNodes {
    std::string_view directory;
    std::string_view prefix;
    std::string_view module;
};

constexpr std::array<NumberedNodes, 4> numbered_nodes{{
    {"/dev", "nvidia", "nvidia"},
    {"/dev", "nvidia-nvswitch", "nvidia-nvswitch"},
    {"/dev/nvidia-caps", "nvidia-cap", "nvidia-caps"},
    {"/dev/nvidia-caps-imex-channels", "channel", "nvidia-caps-imex-channels"},
}};

class NodeCheck {
  public:
    NodeCheck(const sys::HostFs& host, sys::RootDir& root)
        : majors_(driver::character_majors(host)), host_(host), root_(root) {}

    Status run() {
        for (const auto& node : driver::control_nodes(host_, majors_, DriverCapabilities::all()))
            if (node.expected)
                GRAPNEL_TRY(check(inside_path(node.path.text()), node.expected->major,
                                  node.expected->minor));
        for (const auto& nodes : numbered_nodes)
            GRAPNEL_TRY(check_numbered(nodes));
        return root_.answers();
    }

  private:
    /// Nothing if the module is not loaded.
    [[nodiscard]] std::optional<std::uint32_t> major_of(std::string_view module) const {
        if (module == "nvidia")
            return driver::nvidia_major(majors_);
        const auto found = majors_.find(std::string(module));
        return found == majors_.end() ? std::nullopt : std::optional(found->second);
    }

    Status check_numbered(const NumberedNodes& nodes) {
        const auto major = major_of(nodes.module);
        const auto directory = inside_path(nodes.directory);
        const auto names = major ? root_.list(directory)
                                 : Result<std::vector<std::string>>(std::vector<std::string>());
        for (const auto& name : names ? *names : std::vector<std::string>()) {
            const auto number = name.starts_with(nodes.prefix)
                                    ? std::string_view(name).substr(nodes.prefix.size())
                                    : std::string_view();
            if (parse_number<std::uint32_t>(number))
                GRAPNEL_TRY(check(directory / name, *major, std::nullopt));
        }
        return {};
    }

    /// Without a minor number the major alone is compared: a file can give /dev/nvidia3 of the host
    /// another name.
    Status check(const InsidePath& path, std::uint32_t major, std::optional<std::uint32_t> minor) {
        const auto facts = root_.facts(path);
        if (!facts || facts->type != FileFacts::Type::character_device)
            return {};
        const DeviceNumber found{facts->major, facts->minor};
        const DeviceNumber expected{major, minor.value_or(found.minor)};
        if (found == expected)
            return {};
        return stale(path.text(),
                     format_text("its number is {}:{}, and the kernel's is {}:{}", found.major,
                                 found.minor, expected.major, expected.minor));
    }

    driver::Majors majors_;
    const sys::HostFs& host_;
    sys::RootDir& root_;
};

} // namespace

Status check_cdi_file(const apply::CdiHookRequest& request, sys::RootDir& root) {
    const sys::LinuxHostFs host;
    const auto loaded = driver::driver_version(host);
    if (!loaded)
        return {};
    switch (request.hook) {
    case CdiHook::create_symlinks:
        return check_links(request, *loaded);
    case CdiHook::enable_cuda_compat:
        if (!request.driver_version.empty() && request.driver_version != *loaded)
            return other_driver("--host-driver-version", request.driver_version, *loaded);
        return {};
    case CdiHook::update_ldcache:
        for (const auto& folder : request.folders)
            GRAPNEL_TRY(check_folder(folder, *loaded, root));
        return NodeCheck(host, root).run();
    case CdiHook::disable_device_node_modification:
        return NodeCheck(host, root).run();
    default:
        return {};
    }
}

} // namespace grapnel::cdi_hook
