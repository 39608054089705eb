// SPDX-License-Identifier: Apache-2.0
#include "log_file.hpp"

#include "base/text.hpp"
#include "sys/file.hpp"

#include <algorithm>

namespace grapnel {

namespace {

/// "TIME PROGRAM[PID] CONTAINER LEVEL: TEXT".
struct LogLine {
    std::string_view time;
    std::string_view program;
    std::string_view container;
};

LogLine parse(std::string_view line) {
    const auto words = split(line, ' ');
    return words.size() < 4 ? LogLine{} : LogLine{words[0], words[1], words[2]};
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

bool names(std::string_view container, const std::string& id) {
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
    const std::string last(parse(lines.back()).program);
    std::erase_if(lines, [&](const auto& line) { return parse(line).program != last; });
    return lines;
}

} // namespace grapnel
