// SPDX-License-Identifier: Apache-2.0
#include "cdi_hook_options.hpp"

#include "base/text.hpp"
#include "base/usage.hpp"
#include "cdi_hook_table.hpp"
#include "cmdline/parse.hpp"
#include "sys/argument_path.hpp"

#include <algorithm>

namespace grapnel::cdi_hook {

namespace {

constexpr std::string_view name = "nvidia-cdi-hook";

cmdline::Grammar grammar() {
    return {.program = name, .dashes = cmdline::Dashes::one_or_two};
}

const Entry* find(std::string_view word) {
    const auto found = std::ranges::find(entries(), word, &Entry::name);
    return found == entries().end() ? nullptr : &*found;
}

/// A value of the command line can be several, with commas between them.
std::vector<std::string> split_values(const std::vector<std::string>& values) {
    std::vector<std::string> out;
    for (const auto& value : values)
        for (const auto part : split(value, ','))
            if (!part.empty())
                out.emplace_back(part);
    return out;
}

/// The file's paths are joined to the root before any of them is looked up.
Result<InsidePath> inside(std::string_view text, std::string_view option) {
    const auto path = lexically_normal("/" + std::string(text));
    if (!path)
        return Result<InsidePath>(path.error()).note(option);
    return InsidePath::make(*path).note(option);
}

Result<Link> link_of(const std::string& text) {
    constexpr std::string_view between = "::";
    const auto at = text.find(between);
    const auto is_one = at != std::string::npos && at != 0
                        && text.find(between, at + between.size()) == std::string::npos;
    if (!is_one)
        return refused("--link=" + quote(text) + " is not of the form TARGET::LINK");
    auto path = GRAPNEL_TRY(inside(std::string_view(text).substr(at + between.size()), "--link"));
    if (path.name().empty())
        return refused("--link=" + quote(text) + " has no name for the link");
    return Link{.inside = std::move(path), .target = text.substr(0, at), .replaces_file = true};
}

Result<std::vector<Link>> links_of(const Given& given) {
    std::vector<Link> links;
    for (const auto& text : split_values(given.links)) {
        auto link = GRAPNEL_TRY(link_of(text));
        std::erase_if(links, [&](const auto& other) { return other.inside == link.inside; });
        links.push_back(std::move(link));
    }
    return links;
}

Result<std::vector<ModeChange>> modes_of(const Given& given) {
    constexpr int octal = 8;
    constexpr std::uint32_t all_bits = 07777;
    const auto text = given.mode.value_or("");
    const auto mode = parse_number<std::uint32_t>(trim(text), octal);
    if (!mode || *mode > all_bits)
        return refused("--mode=" + quote(text) + " is no octal number of permissions");
    std::vector<ModeChange> modes;
    for (const auto& path : split_values(given.paths))
        modes.push_back({GRAPNEL_TRY(inside(path, "--path")), *mode});
    return modes;
}

Result<apply::CdiHookRequest> request_of(apply::CdiHook hook, const Given& given) {
    apply::CdiHookRequest request{.hook = hook,
                                  .driver_version = given.driver_version.value_or(""),
                                  .cuda_version = given.cuda_version.value_or("")};
    request.links = GRAPNEL_TRY(links_of(given));
    for (const auto& folder : split_values(given.folders))
        request.folders.push_back(GRAPNEL_TRY(inside(folder, "--folder")));
    if (hook == apply::CdiHook::chmod)
        request.modes = GRAPNEL_TRY(modes_of(given));
    if (given.compat_root)
        request.compat_directory =
            GRAPNEL_TRY(inside(*given.compat_root, "--cuda-compat-container-root"));
    if (given.ldconfig_path)
        request.ldconfig =
            GRAPNEL_TRY(HostPath::make(*given.ldconfig_path).note("--ldconfig-path"));
    return request;
}

void take(const Given& given, Options& options) {
    options.debug = options.debug || given.debug;
    options.quiet = options.quiet || given.quiet;
    if (given.version)
        options.action = Options::Action::version;
    if (given.help)
        options.action = Options::Action::help;
}

/// The first word that is no option.
std::string_view hook_word(std::span<const std::string> words) {
    const auto found =
        std::ranges::find_if(words, [](const std::string& word) { return !word.starts_with('-'); });
    return found == words.end() ? std::string_view() : std::string_view(*found);
}

Status read_hook(const Entry& entry, std::span<const std::string> words, Options& options) {
    Given given;
    GRAPNEL_TRY(cmdline::take_words(words, entry.rows, grammar(), given));
    take(given, options);
    if (options.action != Options::Action::run)
        return {};
    if (given.container_spec && !given.container_spec->empty() && *given.container_spec != "-")
        options.state =
            GRAPNEL_TRY(sys::argument_path(*given.container_spec).note("--container-spec"));
    const auto index = static_cast<std::size_t>(&entry - entries().data());
    options.request = GRAPNEL_TRY(request_of(static_cast<apply::CdiHook>(index), given));
    return {};
}

} // namespace

bool is_call(std::string_view called, std::span<const std::string> words) {
    return called.substr(called.rfind('/') + 1) == name
           || (!words.empty() && find(words.front()) != nullptr);
}

Result<Options> parse_options(std::span<const std::string> words) {
    const auto word = hook_word(words);
    Options options{.hook = std::string(word)};
    const auto* const entry = find(word);
    Given given;
    const auto parsed = cmdline::take_words(words, global_rows(), grammar(), given);
    if (!parsed && entry != nullptr)
        return parsed.error();
    if (parsed)
        take(given, options);
    if (options.action != Options::Action::run || word == noop_name)
        return options;
    if (entry == nullptr) {
        options.action = word == "help" ? Options::Action::help : Options::Action::skip;
        return options;
    }
    GRAPNEL_TRY(read_hook(*entry, words.subspan(parsed->used + 1), options));
    return options;
}

} // namespace grapnel::cdi_hook
