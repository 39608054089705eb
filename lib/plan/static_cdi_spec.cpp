// SPDX-License-Identifier: Apache-2.0
#include "plan/static_cdi_spec.hpp"

#include "plan/cdi_json.hpp"

#include <algorithm>

namespace grapnel {

namespace {

using Kind = Mount::Kind;
using plan::CdiJson;
using Words = std::vector<std::string>;

/// A file cannot name a node that is missing.
bool is_missing(const Plan& plan, const Mount& mount) {
    return std::ranges::count(plan.host_nodes, mount.host, &HostNode::path) != 0;
}

template <typename T>
bool is_in(const std::vector<T>& items, const T& item) {
    return std::ranges::find(items, item) != items.end();
}

CdiJson mount_json(const Mount& mount) {
    const auto options = mount_options(mount.kind);
    Words words;
    if (options.read_only)
        words.emplace_back("ro");
    words.insert(words.end(), {"nosuid", "nodev", "rbind", "rprivate"});
    if (options.noexec)
        words.emplace_back("noexec");
    return {{"hostPath", mount.host.text()},
            {"containerPath", mount.inside.text()},
            {"options", words}};
}

class Writer {
  public:
    Writer(const Plan& common, const StaticCdiOptions& options)
        : common_(common), options_(options) {
        needs_.dot_in_class = plan::is_dot_in_class(options.kind);
    }

    CdiJson spec(const std::vector<CdiDevicePlan>& devices) {
        auto list = CdiJson::array();
        for (const auto& device : devices)
            if (auto edits = device_edits(device); !edits.empty()) // the specification wants one
                list.push_back({{"name", device.name}, {"containerEdits", std::move(edits)}});
        auto edits = common_edits();
        return {{"cdiVersion", lowest_cdi_version(needs_)},
                {"kind", options_.kind},
                {"devices", std::move(list)},
                {"containerEdits", std::move(edits)}};
    }

  private:
    CdiJson device_edits(const CdiDevicePlan& device) {
        needs_.digit_first = needs_.digit_first || plan::is_digit_first(device.name);
        auto edits = edits_of(device.plan, &common_);
        if (device.name == "none")
            edits["env"] = {"NVCT_EMPTY_DEVICE="}; // the specification wants an edit
        if (!device.plan.additional_gids.empty()) {
            needs_.groups = true;
            edits["additionalGids"] = device.plan.additional_gids;
        }
        return edits;
    }

    /// Without a driver there is nothing in common.
    CdiJson common_edits() {
        auto edits = edits_of(common_, nullptr);
        if (common_.driver_version.empty())
            return edits;
        // void: a hook or a runtime of ours or NVIDIA's beside this file leaves the container alone
        edits["env"] = {"NVIDIA_VISIBLE_DEVICES=void"};
        for (const auto& mount : common_.mounts)
            if (mount.kind == Kind::library && mount.inside.name().starts_with("libcuda.so."))
                edits["env"].push_back("NVIDIA_CTK_LIBCUDA_DIR=" + mount.inside.parent().text());
        add_common_hooks(edits);
        if (!options_.written_by.empty() && edits.contains("hooks"))
            edits["hooks"][0]["env"].push_back(std::string(cdi_options_variable)
                                               + options_.written_by);
        return edits;
    }

    /// The items of the plan that `base` lacks.
    CdiJson edits_of(const Plan& plan, const Plan* base) {
        auto edits = CdiJson::object();
        auto nodes = CdiJson::array();
        auto mounts = CdiJson::array();
        for (const auto& mount : plan.mounts) {
            const bool is_known = base != nullptr && is_in(base->mounts, mount);
            if (is_known || mount.host.empty() || is_missing(plan, mount))
                continue;
            if (mount.device)
                nodes.push_back(node(mount));
            else if (mount.kind != Kind::proc)
                mounts.push_back(mount_json(mount));
        }
        if (!nodes.empty())
            edits["deviceNodes"] = std::move(nodes);
        if (!mounts.empty())
            edits["mounts"] = std::move(mounts);
        Words links;
        for (const auto& link : plan.links)
            if (base == nullptr || !is_in(base->links, link))
                links.insert(links.end(), {"--link", link.target + "::" + link.inside.text()});
        if (!links.empty())
            add_hook(edits, "create-symlinks", links);
        return edits;
    }

    /// Without permissions an engine allows mknod(2) too.
    CdiJson node(const Mount& mount) {
        CdiJson out{{"path", mount.inside.text()}};
        if (mount.host.text() != mount.inside.text()) {
            needs_.host_path = true;
            out["hostPath"] = mount.host.text();
        }
        out["permissions"] = "rw";
        return out;
    }

    void add_common_hooks(CdiJson& edits) const {
        if (plan::is_digit_first(common_.driver_version)) // else it is the platform's name
            add_hook(edits, "enable-cuda-compat",
                     {"--host-driver-version=" + common_.driver_version});
        Words folders;
        if (!options_.ldconfig.empty())
            folders = {"--ldconfig-path", options_.ldconfig};
        for (const auto& directory : common_.library_directories)
            folders.insert(folders.end(), {"--folder", directory.text()});
        if (!common_.library_directories.empty())
            add_hook(edits, "update-ldcache", folders);
        add_hook(edits, "disable-device-node-modification", {});
        if (common_.driver_capabilities.wants_graphics())
            add_hook(edits, "update-application-profile", {});
    }

    void add_hook(CdiJson& edits, const std::string& name, const Words& words) const {
        if (is_in(options_.disabled_hooks, name))
            return;
        auto arguments = options_.hook_names;
        arguments.push_back(name);
        arguments.insert(arguments.end(), words.begin(), words.end());
        // an environment of its own keeps the image's from the hook (CVE-2025-23266)
        edits["hooks"].push_back({{"hookName", "createContainer"},
                                  {"path", options_.hook.text()},
                                  {"args", std::move(arguments)},
                                  {"env", {"NVIDIA_CTK_DEBUG=false"}}});
    }

    const Plan& common_;
    const StaticCdiOptions& options_;
    CdiNeeds needs_ = {};
};

} // namespace

Result<std::string> static_cdi_spec(const Plan& common, const std::vector<CdiDevicePlan>& devices,
                                    const StaticCdiOptions& options) {
    return plan::cdi_text(Writer(common, options).spec(devices));
}

Notices beyond_static_cdi(const Plan& plan) {
    Notices out;
    for (const auto& node : plan.host_nodes)
        out.warn(node.path.text()
                 + " is missing, and the file is without it: run 'grapnel nodes create' and "
                   "write the file again");
    for (const auto& mount : plan.mounts)
        if (!mount.view_file.empty() && mount.kind == Kind::config)
            out.warn(mount.inside.text()
                     + " is not in the file: it names libraries by their places on this host: "
                       "a live file gives it");
    return out;
}

} // namespace grapnel
