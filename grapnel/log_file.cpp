// SPDX-License-Identifier: Apache-2.0
#include "log_file.hpp"

#include "base/text.hpp"
#include "json.hpp"
#include "json/text.hpp"
#include "sys/file.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace grapnel {

namespace {

/// Of one line: "TIME PROGRAM[PID] CONTAINER LEVEL: TEXT", or a JSON object.
struct LogLine {
    std::string time = {};
    std::string program = {}; ///< with its process ID
    std::string container = {};
};

std::string text_at(const Json& json, const char* key) {
    const auto found = json.find(key);
    return found == json.end()  ? std::string()
           : found->is_string() ? found->get<std::string>()
                                : write_json(*found);
}

Json json_of(std::string_view line) {
    return line.starts_with('{') ? parse_ordered_json(line) : Json();
}

LogLine parse(std::string_view line) {
    if (const auto json = json_of(line); json.is_object())
        return {.time = text_at(json, "time"),
                .program = text_at(json, "program") + "[" + text_at(json, "pid") + "]",
                .container = text_at(json, "container")};
    const auto words = split(line, ' ');
    if (words.size() < 4)
        return {};
    return {.time = std::string(words[0]),
            .program = std::string(words[1]),
            .container = std::string(words[2])};
}

/// parse_number() reads integers and has a base.
std::optional<double> parse_decimal(std::string_view text) {
    double value = 0;
    const auto* const end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, value);
    return error == std::errc{} && stopped == end && !text.empty() ? std::optional(value)
                                                                   : std::nullopt;
}

using NamedTimes = std::vector<std::pair<std::string, double>>;

/// "read 0.40, plan 1.10".
NamedTimes times_of(std::string_view list) {
    NamedTimes out;
    for (const auto& item : comma_list(std::string(list))) {
        const auto words = split(item, ' ');
        const auto time = words.size() == 2 ? parse_decimal(words[1]) : std::nullopt;
        if (time)
            out.emplace_back(words[0], *time);
    }
    return out;
}

/// The end of the text, "; 4.20 ms: read 0.40, plan 1.10", or the members of the object.
std::optional<StartTimes> times_of_line(std::string_view line) {
    const auto parsed = parse(line);
    StartTimes out{.container = parsed.container, .time = parsed.time};
    if (const auto json = json_of(line); json.is_object()) {
        if (!json.contains("ms") || !json["ms"].is_number() || !json.contains("steps")
            || !json["steps"].is_object())
            return std::nullopt;
        out.whole = json["ms"].get<double>();
        for (const auto& [name, time] : json["steps"].items())
            if (time.is_number())
                out.steps.emplace_back(name, time.get<double>());
        return out;
    }
    constexpr std::string_view unit = " ms: ";
    const auto end = line.rfind(unit);
    const auto begin = end == std::string_view::npos ? end : line.rfind("; ", end);
    if (begin == std::string_view::npos || line.find(" info: ") == std::string_view::npos)
        return std::nullopt;
    const auto whole = parse_decimal(line.substr(begin + 2, end - begin - 2));
    if (!whole)
        return std::nullopt;
    out.whole = *whole;
    out.steps = times_of(line.substr(end + unit.size()));
    return out;
}

std::string tail_of(const HostPath& path) {
    constexpr std::size_t most = std::size_t{8} << 20;
    const auto file = sys::open_sized_host_file(path);
    if (!file)
        return {};
    const auto begin = file->size > most ? file->size - most : 0;
    auto text = sys::read_part(file->fd.ref(), begin, most, path.text()).value_or("");
    return begin == 0 ? text : text.substr(std::min(text.find('\n'), text.size() - 1) + 1);
}

bool names(const std::string& container, const std::string& id) {
    constexpr std::size_t least = 4;
    return container == id || (id.size() >= least && container.starts_with(id));
}

} // namespace

std::vector<std::string> lines_of_container(const HostPath& log, const std::string& id) {
    std::vector<std::string> out;
    const auto text = tail_of(log);
    for (const auto line : split(text, '\n'))
        if (names(parse(line).container, id))
            out.emplace_back(line);
    return out;
}

std::vector<std::string> lines_of_last_start(const HostPath& log, const std::string& id) {
    auto lines = lines_of_container(log, id);
    if (lines.empty())
        return lines;
    const auto last = parse(lines.back()).program;
    std::erase_if(lines, [&](const auto& line) { return parse(line).program != last; });
    return lines;
}

std::optional<StartTimes> last_start(const HostPath& log, const std::string& id) {
    const auto lines = lines_of_container(log, id);
    for (auto line = lines.rbegin(); line != lines.rend(); ++line)
        if (auto times = times_of_line(*line))
            return times;
    return std::nullopt;
}

} // namespace grapnel
