// SPDX-License-Identifier: Apache-2.0
// `nvidia-ctk runtime configure` in the words of `grapnel configure`.
#include "base/usage.hpp"
#include "nvidia_ctk.hpp"
#include "nvidia_ctk/words.hpp"

namespace grapnel::nvidia_ctk {

namespace {

using cmdline::Row;

/// The value of each option, unread.
struct Given {
    std::string engine = "docker";
    std::string mode = {};
    std::string source = "file";
    std::string drop_in = {}; ///< empty: the engine's own
    std::string runtime_path = {};
    std::vector<std::string> words = {}; ///< of grapnel configure
};

/// `option` is the one of grapnel configure.
template <const auto& option>
void pass_on(Given& given, const std::optional<std::string>& value) {
    given.words.push_back(std::string(option) + "=" + value.value_or(""));
}

template <const auto& option>
void pass_flag(Given& given, const std::optional<std::string>& /*value*/) {
    given.words.emplace_back(option);
}

void ignore(Given& /*given*/, const std::optional<std::string>& /*value*/) {}

constexpr std::string_view config = "--config";
constexpr std::string_view runtime_name = "--runtime-name";
constexpr std::string_view set_as_default = "--set-as-default";
constexpr std::string_view cdi = "--cdi";
constexpr std::string_view dry_run = "--dry-run";
constexpr std::string_view help = "--help";

const std::vector<Row<Given>>& rows() {
    using enum cmdline::Value;
    using cmdline::set;
    static const std::vector<Row<Given>> table{
        {{"runtime", '\0', needed}, set<&Given::engine>},
        {{"config-mode", '\0', needed}, set<&Given::mode>},
        {{"mode", '\0', needed}, set<&Given::mode>},
        {{"config", '\0', needed}, pass_on<config>},
        {{"drop-in-config", '\0', needed}, set<&Given::drop_in>},
        {{"nvidia-runtime-name", '\0', needed}, pass_on<runtime_name>},
        {{"nvidia-runtime-path", '\0', needed}, set<&Given::runtime_path>},
        {{"runtime-path", '\0', needed}, set<&Given::runtime_path>},
        {{"nvidia-set-as-default"}, pass_flag<set_as_default>},
        {{"set-as-default"}, pass_flag<set_as_default>},
        {{"cdi.enabled"}, pass_flag<cdi>},
        {{"cdi.enable"}, pass_flag<cdi>},
        {{"enable-cdi"}, pass_flag<cdi>},
        {{"dry-run"}, pass_flag<dry_run>},
        {{"help", 'h', none, "", "", {}, true}, pass_flag<help>},
        {{"config-source", '\0', needed}, set<&Given::source>},
        // no program is asked for its configuration, and the hook has its own place
        {{"executable-path", '\0', needed}, ignore},
        {{"nvidia-runtime-hook-path", '\0', needed}, ignore},
        {{"oci-hook-path", '\0', needed}, ignore},
        {{"hook-path", '\0', needed}, ignore},
    };
    return table;
}

/// A name without a directory is looked up in PATH by nvidia-ctk: Grapnel's runtime is meant.
Status take_runtime_path(Given& given) {
    if (given.runtime_path.empty() || given.runtime_path == "nvidia-container-runtime")
        return {};
    if (given.runtime_path.find('/') == std::string::npos)
        return usage_error("--nvidia-runtime-path: " + given.runtime_path
                               + " has no directory: write the whole path",
                           tool);
    given.words.push_back("--runtime-path=" + given.runtime_path);
    return {};
}

} // namespace

Result<std::vector<std::string>> configure_words(std::span<const std::string> words) {
    Given given;
    const auto parsed = GRAPNEL_TRY(cmdline::take_words(words, rows(), grammar, given));
    GRAPNEL_TRY(check_no_words(words.subspan(parsed.used)));
    if (given.mode == "oci-hook" || given.mode == "hook")
        return usage_error("--config-mode=" + given.mode
                               + ": 'grapnel configure podman' writes the file of a hook",
                           tool);
    // both are the file: it has all that differs from the engine's defaults
    if (given.source != "file" && given.source != "command")
        return unknown_word("configuration source", given.source, {{"file", "command"}}, tool);
    if (!given.drop_in.empty())
        given.words.push_back("--drop-in=" + given.drop_in);
    GRAPNEL_TRY(take_runtime_path(given));
    given.words.insert(given.words.begin(), given.engine);
    return std::move(given.words);
}

} // namespace grapnel::nvidia_ctk
