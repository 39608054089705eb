// SPDX-License-Identifier: Apache-2.0
#include "request.hpp"

#include "base/text.hpp"
#include "driver/account.hpp"
#include "request/device_names.hpp"

#include <algorithm>

namespace grapnel::cli {

namespace {

constexpr auto input_error = "input error";

std::vector<std::string> words_of(const std::vector<std::string>& lists) {
    std::vector<std::string> out;
    for (const auto& list : lists)
        for (auto& word : comma_list(list))
            out.push_back(std::move(word));
    return out;
}

void ask_for_devices(const Options& options, Request& request) {
    for (auto& word : words_of(options.devices)) {
        GpuName name(std::move(word));
        if (name.is(SpecialWord::all)) {
            request.devices = Request::Devices::all;
            request.listed.clear();
            return;
        }
        request.devices = Request::Devices::listed;
        if (std::ranges::find(request.listed, name) == request.listed.end())
            request.listed.push_back(std::move(name));
    }
}

Result<bool> is_all(const std::optional<std::string>& value, const char* option,
                    const char* subject) {
    if (!value || comma_list(*value).empty())
        return false;
    for (const auto& word : comma_list(*value))
        if (special_word(word) != SpecialWord::all)
            return Result<bool>(refused("unknown device " + quote(word) + " of " + option,
                                        "'all' is the only one that it has"))
                .note(subject);
    return true;
}

Status ask_for_channels(const Options& options, Request& request) {
    const auto names = words_of(options.imex_channels);
    if (std::ranges::find(names, "all") != names.end())
        request.imex_channels.all = true;
    else
        request.imex_channels =
            GRAPNEL_TRY(imex_channels_of(names).note("error parsing IMEX info"));
    return {};
}

Result<Request> shared_request(const Options& options) {
    Request request;
    ask_for_devices(options, request);
    request.mig_config =
        GRAPNEL_TRY(is_all(options.mig_config, "--mig-config", "mig-config error"));
    request.mig_monitor =
        GRAPNEL_TRY(is_all(options.mig_monitor, "--mig-monitor", "mig-monitor error"));
    GRAPNEL_TRY(ask_for_channels(options, request));
    request.persistenced = !options.no_persistenced;
    request.fabricmanager = !options.no_fabricmanager;
    request.gsp_firmware = !options.no_gsp_firmware;
    return request;
}

/// A newer libcuda of the image is preferred in every mode but one: it is never mounted, which
/// would give an older one as well.
Result<bool> wants_compat(const Options& options) {
    const auto mode = options.cuda_compat_mode.value_or("ldconfig");
    if (mode != "mount" && mode != "ldconfig" && mode != "disabled")
        return Result<bool>(refused("unknown --cuda-compat-mode " + quote(mode),
                                    "it is mount, ldconfig or disabled"))
            .note(input_error);
    return mode != "disabled" && !options.no_cntlibs;
}

Result<HostPath> host_ldconfig(const std::string& text) {
    if (text.starts_with('@'))
        return HostPath::make(std::string_view(text).substr(1)).note("--ldconfig");
    return refused("--ldconfig=" + quote(text)
                       + " is a program of the container's, and none of these is ever executed",
                   "name the host's with '@' before it: --ldconfig=@/sbin/ldconfig");
}

} // namespace

Result<Request> configure_request(const Options& options, const Settings& settings) {
    auto request = GRAPNEL_TRY(shared_request(options));
    request.driver_capabilities = options.driver_capabilities;
    request.named_capabilities = options.driver_capabilities;
    if (options.compat32)
        request.driver_capabilities.insert(DriverCapability::compat32);
    for (const auto& text : options.requirements) {
        auto requirement =
            GRAPNEL_TRY(parse_requirement(text).note("requirement error: invalid expression"));
        if (!requirement.alternatives.empty())
            request.requirements.push_back(std::move(requirement));
    }
    request.ldcache = settings.ldcache;
    request.forward_compat = GRAPNEL_TRY(wants_compat(options)) && settings.ldcache != LdCache::off;
    request.change_cgroup = !options.no_cgroups;
    request.bind_devices = !options.no_devbind;
    return request;
}

bool lists_everything(const Options& options) {
    const bool says_what = !options.devices.empty() || options.libraries || options.binaries
                           || options.ipcs || options.firmwares || options.mig_config
                           || options.mig_monitor;
    const bool says_how = options.compat32 || options.no_persistenced || options.no_fabricmanager
                          || options.no_gsp_firmware;
    return !says_what && !says_how && options.imex_channels.size() <= 1;
}

Result<Request> list_request(const Options& options) {
    auto request = GRAPNEL_TRY(shared_request(options));
    using enum DriverCapability;
    request.driver_capabilities = {compute, display, graphics, ngx, utility, video};
    if (options.compat32 || lists_everything(options))
        request.driver_capabilities.insert(compat32);
    if (lists_everything(options))
        request.devices = Request::Devices::all;
    return request;
}

Result<Settings> settings_of(const Options& options, Settings settings,
                             const sys::FileOwner& self) {
    settings.load_kmods = options.load_kmods;
    settings.disable_imex_channel_creation = options.no_create_imex_channels;
    if (!options.root.empty())
        settings.driver_root =
            GRAPNEL_TRY(HostPath::make(options.root).note("--root").note(input_error));
    if (!options.ldcache.empty())
        settings.ldcache_file =
            GRAPNEL_TRY(HostPath::make(options.ldcache).note("--ldcache").note(input_error));
    if (options.ldconfig)
        settings.ldconfig = GRAPNEL_TRY(host_ldconfig(*options.ldconfig).note(input_error));
    if (options.user)
        settings.probe_user = !options.user->empty()
                                  ? *options.user
                                  : std::to_string(self.user) + ":" + std::to_string(self.group);
    return settings;
}

Status check_user(const Options& options, const sys::HostFs& host) {
    if (!options.user)
        return {};
    const auto found = find_account(host, *options.user);
    if (found)
        return {};
    return Status(found.error())
        .note("--user=" + quote(*options.user))
        .cure("name a user of the host, and a group if need be: --user=UID[:GID]")
        .note(input_error);
}

Result<int> pid_of(const Options& options) {
    const auto pid = parse_number<int>(*options.pid);
    if (!pid || *pid <= 0)
        return refused("--pid=" + quote(*options.pid) + " is no process ID",
                       "name a process of the container");
    return *pid;
}

Result<HostPath> rootfs_of(const Options& options) {
    auto path = GRAPNEL_TRY(HostPath::make(options.rootfs)
                                .note("ROOTFS")
                                .cure("name the root file system by its absolute path")
                                .note(input_error));
    if (path == host_path("/"))
        return Result<HostPath>(refused("ROOTFS is /, which is no container's",
                                        "name the root file system by its absolute path"))
            .note(input_error);
    return path;
}

} // namespace grapnel::cli
