// SPDX-License-Identifier: Apache-2.0
// `nvidia-ctk cdi`: `grapnel cdi` with the variables of NVIDIA's program.
#include "cdi/options.hpp"
#include "command.hpp"
#include "nvidia_ctk.hpp"
#include "nvidia_ctk/variables.hpp"

#include <array>

namespace grapnel::nvidia_ctk {

namespace {

constexpr auto of_generate = std::to_array<Variable>({
    {"config-search-path", "NVIDIA_CTK_CDI_GENERATE_CONFIG_SEARCH_PATHS"},
    {"output", "NVIDIA_CTK_CDI_OUTPUT_FILE_PATH"},
    {"format", "NVIDIA_CTK_CDI_GENERATE_OUTPUT_FORMAT"},
    {"mode", "NVIDIA_CTK_CDI_GENERATE_MODE"},
    {"dev-root", "NVIDIA_CTK_DEV_ROOT"},
    {"device-name-strategy", "NVIDIA_CTK_CDI_GENERATE_DEVICE_NAME_STRATEGIES"},
    {"driver-root", "NVIDIA_CTK_DRIVER_ROOT"},
    {"library-search-path", "NVIDIA_CTK_CDI_GENERATE_LIBRARY_SEARCH_PATHS"},
    {"nvidia-cdi-hook-path", "NVIDIA_CTK_CDI_HOOK_PATH"},
    {"ldconfig-path", "NVIDIA_CTK_CDI_GENERATE_LDCONFIG_PATH"},
    {"vendor", "NVIDIA_CTK_CDI_GENERATE_VENDOR"},
    {"class", "NVIDIA_CTK_CDI_GENERATE_CLASS"},
    {"csv.file", "NVIDIA_CTK_CDI_GENERATE_CSV_FILES"},
    {"csv.ignore-pattern", "NVIDIA_CTK_CDI_GENERATE_CSV_IGNORE_PATTERNS"},
    {"csv.compat-container-root", "NVIDIA_CTK_CDI_GENERATE_CSV_CONTAINER_COMPAT_ROOT"},
    {"disable-hook", "NVIDIA_CTK_CDI_GENERATE_DISABLED_HOOKS"},
    {"enable-hook", "NVIDIA_CTK_CDI_GENERATE_ENABLED_HOOKS"},
    {"feature-flag", "NVIDIA_CTK_CDI_GENERATE_FEATURE_FLAGS"},
    {"no-all-device", "NVIDIA_CTK_CDI_GENERATE_NO_ALL_DEVICE"},
    {"device-id", "NVIDIA_CTK_CDI_GENERATE_DEVICE_IDS"},
});
constexpr auto of_list = std::to_array<Variable>({{"spec-dir", "NVIDIA_CTK_CDI_SPEC_DIRS"}});

std::span<const Variable> variables_of(std::string_view command) {
    if (command == "generate")
        return of_generate;
    return command == "list" ? std::span<const Variable>(of_list) : std::span<const Variable>();
}

/// A mistake in the words is found when they are read again.
std::vector<std::string> with_variables(std::span<const std::string> words) {
    using namespace cdi_command;
    std::vector<std::string> out(words.begin(), words.end());
    const auto parsed = cmdline::parse_words(words, cmdline::options_of(option_rows()),
                                             grammar_of(Form::in_nvidias_form));
    if (!parsed || parsed->operands.empty())
        return out;
    const auto more =
        words_of(variables_of(parsed->operands.front()), option_rows(), parsed->given);
    out.insert(out.begin(), more.begin(), more.end());
    return out;
}

} // namespace

int cdi(std::span<const std::string> words) {
    if (!words.empty() && words.front() == "transform")
        return transform(words.subspan(1));
    return cdi_of_nvidia_ctk(with_variables(words));
}

} // namespace grapnel::nvidia_ctk
