// SPDX-License-Identifier: Apache-2.0
#include "driver/observed_host.hpp"

#include "base/text.hpp"
#include "driver/readable_paths.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace grapnel::driver {

namespace {

using Kind = Observation::Kind;

const std::string nothing_there;

bool is_of_kernel(const HostPath& path) {
    static const auto proc = host_path("/proc");
    static const auto sys = host_path("/sys");
    return is_at_or_below(path, proc) || is_at_or_below(path, sys);
}

/// Begins with a mark, so that an empty text is no missing file.
std::string present(std::string_view answer) {
    return "=" + std::string(answer);
}

std::string describe(const HostPath& path, const sys::FileFacts& facts) {
    constexpr int octal = 8;
    constexpr std::size_t usual_size = 96;
    std::string text;
    text.reserve(usual_size);
    append_number(text, static_cast<int>(facts.type));
    append_number(text += ' ', facts.device);
    append_number(text += ' ', facts.inode);
    append_number(text += ' ', facts.major);
    append_number(text += ':', facts.minor);
    append_number(text += ' ', facts.mode, octal);
    append_number(text += ' ', facts.owner.user);
    append_number(text += ':', facts.owner.group);
    if (is_of_kernel(path))
        return text;
    append_number(text += ' ', facts.size);
    append_number(text += ' ', facts.changed_ns);
    return text;
}

/// A directory whose names change all the time, by other programs.
bool is_busy(const HostPath& path) {
    static const std::array places{host_path("/dev"), host_path("/run"), host_path("/tmp"),
                                   host_path("/var")};
    return path == host_path("/") || std::ranges::any_of(places, [&](const HostPath& place) {
               return is_at_or_below(path, place);
           });
}

std::string joined(const std::vector<std::string>& names) {
    std::string text;
    for (const auto& name : names)
        text += name + "/"; // which no name has
    return text;
}

/// Nothing: the system could not tell.
template <typename T, typename Describe>
std::optional<std::string> answer_of(const Result<T>& result, const Describe& describe_value) {
    if (result)
        return present(describe_value(*result));
    return sys::is_missing(result.error()) ? std::optional(nothing_there) : std::nullopt;
}

std::string itself(const std::string& text) {
    return text;
}

std::optional<std::string> asked_again(const sys::HostFs& host, const Observation& one) {
    const auto describe_facts = [&](const auto& facts) { return describe(one.path, facts); };
    switch (one.kind) {
    case Kind::file:
        return answer_of(host.stat(one.path), describe_facts);
    case Kind::link:
        return answer_of(host.stat_link(one.path), describe_facts);
    case Kind::text:
        return answer_of(host.read(one.path), itself);
    case Kind::target:
        return answer_of(host.read_link(one.path), itself);
    case Kind::names:
        break;
    }
    return answer_of(host.list(one.path), joined);
}

/// Below `path`, which is missing: its topmost component that is missing.
HostPath topmost_missing(const sys::HostFs& host, HostPath path) {
    const auto root = host_path("/");
    for (auto above = path.parent(); above != root; above = path.parent()) {
        const auto facts = host.stat(above);
        if (facts || !sys::is_missing(facts.error()))
            break;
        path = above;
    }
    return path;
}

/// What is at a path is said once, where it is no link.
Observations without_repetition(Observations observations) {
    const auto is_same = [](const Observation& one, const Observation& other) {
        return one.path == other.path && one.answer == other.answer;
    };
    std::ranges::stable_sort(observations, {}, &Observation::path);
    observations.erase(std::unique(observations.begin(), observations.end(), is_same),
                       observations.end());
    return observations;
}

} // namespace

void ObservedHost::note(Kind kind, const HostPath& path, std::optional<std::string> answer) const {
    if (answer)
        answers_.try_emplace({path, kind}, std::move(*answer));
    else
        told_ = false;
}

void ObservedHost::note_facts(Kind kind, const HostPath& path,
                              const Result<sys::FileFacts>& facts) const {
    if (facts && !is_of_kernel(path))
        newest_ns_ = std::max(newest_ns_, facts->changed_ns);
    note(kind, path, answer_of(facts, [&](const auto& value) { return describe(path, value); }));
}

/// Before the file is read: a change that comes between shows later.
void ObservedHost::ask(Kind kind, const HostPath& path) const {
    if (!answers_.contains({path, kind}))
        note_facts(kind, path, kind == Kind::link ? host_.stat_link(path) : host_.stat(path));
}

Result<std::string> ObservedHost::read(const HostPath& path) const {
    if (!is_of_kernel(path))
        ask(Kind::file, path);
    auto result = host_.read(path);
    if (is_of_kernel(path))
        note(Kind::text, path, answer_of(result, itself));
    return result;
}

Result<sys::FileView> ObservedHost::map(const HostPath& path) const {
    ask(Kind::file, path);
    return host_.map(path);
}

Result<std::vector<std::string>> ObservedHost::list(const HostPath& path) const {
    if (!is_of_kernel(path))
        ask(Kind::file, path);
    auto result = host_.list(path);
    if (is_of_kernel(path))
        note(Kind::names, path, answer_of(result, joined));
    return result;
}

Result<std::vector<std::string>> ObservedHost::list_matching(const HostPath& path,
                                                             const sys::NameFilter& keep) const {
    if (is_of_kernel(path))
        return HostFs::list_matching(path, keep);
    ask(Kind::file, path);
    return host_.list_matching(path, keep);
}

Result<sys::FileFacts> ObservedHost::stat(const HostPath& path) const {
    auto result = host_.stat(path);
    note_facts(Kind::file, path, result);
    return result;
}

Result<sys::FileFacts> ObservedHost::stat_link(const HostPath& path) const {
    auto result = host_.stat_link(path);
    note_facts(Kind::link, path, result);
    return result;
}

Result<std::string> ObservedHost::read_link(const HostPath& path) const {
    if (!is_of_kernel(path))
        ask(Kind::link, path);
    auto result = host_.read_link(path);
    if (is_of_kernel(path))
        note(Kind::target, path, answer_of(result, itself));
    return result;
}

/// A link on the way that leads elsewhere later leads to another file, or to the same one.
Result<HostPath> ObservedHost::resolve(const HostPath& path) const {
    ask(Kind::file, path);
    auto result = host_.resolve(path);
    if (result && *result != path)
        ask(Kind::link, *result);
    return result;
}

/// By the directory that lacks it; nothing for a link whose target can appear anywhere.
std::optional<HostPath> ObservedHost::lacking_directory(const HostPath& missing) const {
    if (host_.stat_link(missing) || is_busy(missing.parent()))
        return std::nullopt;
    return missing.parent();
}

std::optional<Observations> ObservedHost::observations(std::int64_t unchanged_since_ns) const {
    Observations out;
    std::map<HostPath, std::set<HostPath>> missing; // by the directory that lacks them
    std::set<HostPath> missing_alone;
    for (const auto& [question, answer] : answers_) {
        const auto& [path, kind] = question;
        if (answer == nothing_there && !is_of_kernel(path)) {
            const auto topmost = topmost_missing(host_, path);
            const auto directory = lacking_directory(topmost);
            (directory ? missing[*directory] : missing_alone).insert(topmost);
        } else {
            out.push_back({.kind = kind, .path = path, .answer = answer});
        }
    }
    for (auto& [directory, paths] : missing) {
        const auto facts = host_.stat(directory);
        if (paths.size() > 1 && facts && facts->changed_ns < unchanged_since_ns)
            out.push_back({Kind::file, directory, present(describe(directory, *facts))});
        else
            missing_alone.merge(paths);
    }
    for (const auto& path : missing_alone)
        out.push_back({Kind::file, path, nothing_there});
    if (!told_ || newest_ns_ >= unchanged_since_ns)
        return std::nullopt;
    return without_repetition(std::move(out));
}

std::optional<HostPath> changed_answer(const sys::HostFs& host, const Observations& observations) {
    const auto changed = std::ranges::find_if(
        observations, [&](const Observation& one) { return asked_again(host, one) != one.answer; });
    return changed == observations.end() ? std::nullopt : std::optional(changed->path);
}

} // namespace grapnel::driver
