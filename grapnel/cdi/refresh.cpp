// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"
#include "cdi/files.hpp"
#include "cdi/generate.hpp"
#include "cdi/spec_files.hpp"
#include "command.hpp"
#include "driver/modules.hpp"
#include "driver/tegra/tegra.hpp"
#include "json/text.hpp"
#include "nodes.hpp"
#include "prepare/settings_file.hpp"

#include <nlohmann/json.hpp>

namespace grapnel::cdi_command {

namespace {

/// The options that the file was written with. They name no other file to write: the output is the
/// file itself.
Result<Generation> generation_of_file(const HostPath& path, const std::string& text) {
    const auto parsed = parse_json(text);
    std::vector<std::string> words{"generate", "--output=" + path.text()};
    const bool is_list = parsed.is_array() && parsed.size() <= 1000;
    for (const auto& word : is_list ? parsed : nlohmann::json::array())
        if (word.is_string() && word.get_ref<const std::string&>().starts_with("--")
            && !word.get_ref<const std::string&>().starts_with("--o"))
            words.push_back(word.get<std::string>());
    const auto options = GRAPNEL_TRY(parse_options(words, Form::live));
    if (options.action != Options::Action::generate)
        return refused("the options in the file are not those of 'generate'");
    return options.generation;
}

Status refresh(const SpecFile& file, const Log& log) {
    const auto generation = GRAPNEL_TRY(generation_of_file(file.path, file.scan.options));
    if (GRAPNEL_TRY(write_file(file.path, generation, log)) == Written::nothing)
        return {};
    return say("changed " + printable(file.path.text()) + "\n");
}

Status refresh_nodes() {
    const auto loaded = load_settings(std::nullopt, Variables::count);
    if (loaded.mistake)
        return *loaded.mistake;
    const NodeCreation creation;
    const auto nodes = GRAPNEL_TRY(create_nodes(loaded.settings, creation));
    return nodes.empty() ? Status() : say_nodes(nodes, creation);
}

/// A machine image with the driver starts on machines without a GPU as well.
bool has_driver_or_gpu(const sys::HostFs& host) {
    return host.stat(host_path("/proc/driver/nvidia/version")) || host.stat(host_path("/dev/dxg"))
           || driver::has_nvidia_gpu(host) || driver::is_tegra(host);
}

} // namespace

Status refresh_files(const Options& options) {
    const sys::LinuxHostFs host;
    if (!has_driver_or_gpu(host))
        return say("nothing to refresh: this host has neither a GPU nor a driver of NVIDIA's\n");
    GRAPNEL_TRY(refresh_nodes());
    if (options.nodes_alone)
        return {};
    Log log("grapnel");
    log.warnings_to_stderr(true);
    Status done;
    for (const auto& path :
         options.files.empty() ? spec_paths(host, options.directories) : options.files) {
        const auto file = read_spec_file(host, path, nullptr);
        if (!file.scan.options.empty()) {
            if (auto refreshed = refresh(file, log); !refreshed)
                done = std::move(refreshed).note(path.text());
        } else if (!options.files.empty()) {
            done = refused(path.text() + " was not written by 'grapnel cdi generate'",
                           "write it again with the program that wrote it");
        }
    }
    return done;
}

} // namespace grapnel::cdi_command
