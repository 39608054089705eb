// SPDX-License-Identifier: Apache-2.0
#include "explain/subject.hpp"

#include "base/text.hpp"
#include "container_process.hpp"
#include "containers.hpp"
#include "explain/engine_answer.hpp"
#include "oci/container_engine.hpp"
#include "oci/spec.hpp"
#include "sys/argument_path.hpp"
#include "sys/file.hpp"
#include "sys/host_fs.hpp"
#include "sys/proc_file.hpp"

#include <algorithm>
#include <array>

namespace grapnel::explanation {

namespace {

constexpr const char* config_name = "config.json";

bool has_config(const HostPath& bundle) {
    return sys::host_facts(bundle / config_name).has_value();
}

Status use_bundle(Subject& subject, const HostPath& bundle) {
    subject.config = GRAPNEL_TRY(sys::read_host_file(bundle / config_name, spec_size_limit)
                                     .note("the bundle")
                                     .cure("name the directory that holds config.json"));
    subject.bundle = bundle;
    return {};
}

/// As its first process was started with.
std::vector<std::string> environment_of(pid_t process) {
    std::vector<std::string> out;
    const auto text = sys::read_kernel_file("/proc/" + std::to_string(process) + "/environ");
    if (text)
        for (const auto entry : split(*text, '\0'))
            if (entry.find('=') != std::string_view::npos)
                out.emplace_back(entry);
    return out;
}

/// By the record of its start, else by its monitor.
Status add_process(Subject& subject, pid_t process) {
    const auto containers = gpu_containers().containers;
    const auto recorded = container_of_process(process, containers);
    const auto first = recorded ? recorded->process : process;
    const auto owner = owner_of_process(first);
    subject.process = first;
    subject.has_driver = recorded.has_value();
    subject.engine = recorded ? recorded->engine : owner ? owner->engine : "unknown";
    subject.id = recorded ? recorded->id : owner ? owner->id : "process " + std::to_string(process);
    if (recorded && !recorded->start.bundle.empty())
        if (const auto path = HostPath::make(recorded->start.bundle); path && has_config(*path))
            return use_bundle(subject, *path);
    if (const auto bundle = bundle_of_process(first))
        return use_bundle(subject, *bundle);
    if (subject.environment.empty())
        subject.environment = environment_of(first);
    return {};
}

Result<Subject> of_bundle(const std::string& operand) {
    Subject subject{.engine = "oci"};
    const auto path = GRAPNEL_TRY(sys::argument_path(operand));
    GRAPNEL_TRY(use_bundle(subject, path));
    subject.id = path.name();
    subject.engine = engine_of_bundle(path.text());
    return subject;
}

std::optional<pid_t> process_id(const std::string& text) {
    const auto process = parse_number<pid_t>(text);
    return process && *process > 0 ? process : std::nullopt;
}

Result<Subject> of_process(const std::string& text) {
    if (!sys::read_kernel_link("/proc/" + text + "/ns/mnt"))
        return refused("there is no process " + text + ", or this user may not look at it",
                       "run this as root");
    Subject subject;
    GRAPNEL_TRY(add_process(subject, process_id(text).value_or(0)));
    return subject;
}

/// A container that runs has a bundle; of another the engine's own answer is all there is.
Result<Subject> of_engine(const std::string& engine, const std::string& name) {
    auto subject = GRAPNEL_TRY(ask_engine(engine, name));
    if (!subject.process)
        return subject;
    const auto known = subject;
    GRAPNEL_TRY(add_process(subject, *known.process));
    subject.id = known.id;
    subject.engine = known.engine;
    return subject;
}

/// Where containerd has the bundles of kubelet's containers: as packaged, of k3s and RKE2, of
/// microk8s and of k0s.
constexpr std::array<const char*, 4> cri_bundles{
    "/run/containerd/io.containerd.runtime.v2.task/k8s.io",
    "/run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io",
    "/var/snap/microk8s/common/run/containerd/io.containerd.runtime.v2.task/k8s.io",
    "/run/k0s/containerd/io.containerd.runtime.v2.task/k8s.io",
};

/// By the container's ID or the beginning of one.
std::optional<HostPath> cri_bundle(const std::string& id) {
    for (const auto* const path : cri_bundles) {
        const auto names = sys::LinuxHostFs().list(host_path(path));
        if (!names || id.empty())
            continue;
        for (const auto& name : *names)
            if (name.starts_with(id))
                return host_path(path) / name;
    }
    return std::nullopt;
}

Result<Subject> of_cri(const std::string& id) {
    if (const auto bundle = cri_bundle(id)) {
        auto subject = GRAPNEL_TRY(of_bundle(bundle->text()));
        subject.engine = "cri";
        return subject;
    }
    const auto containers = gpu_containers().containers;
    const auto running = GRAPNEL_TRY(container_named(id, containers));
    if (!running)
        return refused("no container of CRI " + quote(id) + " runs here",
                       "'crictl ps' has the IDs");
    Subject subject;
    GRAPNEL_TRY(add_process(subject, running->process));
    return subject;
}

} // namespace

Status check_subject(const LookArguments& arguments) {
    const auto& options = arguments.options;
    const auto given =
        static_cast<int>(!arguments.operands.empty()) + static_cast<int>(options.docker.has_value())
        + static_cast<int>(options.podman.has_value()) + static_cast<int>(options.cri.has_value())
        + static_cast<int>(options.pid.has_value())
        + static_cast<int>(!options.environment.empty());
    if (given != 1 || arguments.operands.size() > 1)
        return wrong_operand(explain_command(), "name one container: a bundle's directory, or "
                                                "--docker, --podman, --cri, --pid or --env");
    if (!arguments.operands.empty())
        if (const auto path = sys::argument_path(arguments.operands.front()); !path)
            return wrong_operand(explain_command(), "the bundle: " + path.error().text());
    if (options.pid && !process_id(*options.pid))
        return wrong_operand(explain_command(),
                             "--pid: " + quote(*options.pid) + " is no process ID");
    for (const auto& variable : options.environment)
        if (variable.find('=') == std::string::npos)
            return wrong_operand(explain_command(), "--env: " + quote(variable) + " has no '='");
    return {};
}

Result<Subject> find_subject(const LookArguments& arguments) {
    const auto& options = arguments.options;
    if (options.docker)
        return of_engine("docker", *options.docker);
    if (options.podman)
        return of_engine("podman", *options.podman);
    if (options.cri)
        return of_cri(*options.cri);
    if (options.pid)
        return of_process(*options.pid);
    if (!options.environment.empty())
        return Subject{.id = "a container with these variables",
                       .environment = options.environment};
    return of_bundle(arguments.operands.front());
}

} // namespace grapnel::explanation
