// SPDX-License-Identifier: Apache-2.0
// grapnel cache: the caches of the hook, shown or dropped.
#include "base/format.hpp"
#include "base/text.hpp"
#include "base/usage.hpp"
#include "json.hpp"
#include "look.hpp"
#include "prepare/caches.hpp"
#include "prepare/log.hpp"
#include "sys/host_fs.hpp"
#include "terminal.hpp"

#include <array>
#include <unistd.h>
#include <utility>

namespace grapnel {

namespace {

std::string time_of(const CacheFile& file) {
    constexpr std::int64_t ns_per_second = 1'000'000'000;
    return timestamp(file.written_ns / ns_per_second);
}

std::string table_of(const std::vector<CacheFile>& files) {
    Cells rows{{"FILE", "BYTES", "WRITTEN", "STATE", "CONTENT"}};
    for (const auto& file : files)
        rows.push_back({printable(file.path.text()), std::to_string(file.bytes), time_of(file),
                        file.fault.empty() ? "valid" : "stale",
                        printable(file.content + (file.fault.empty() ? "" : "; " + file.fault))});
    return table_text(rows, Terminal::of_stdout());
}

Json json_of(const std::vector<CacheFile>& files) {
    auto out = Json::array();
    for (const auto& file : files)
        out.push_back({{"file", file.path.text()},
                       {"bytes", file.bytes},
                       {"written", time_of(file)},
                       {"content", file.content},
                       {"valid", file.fault.empty()},
                       {"fault", text_or_null(file.fault)}});
    return {{"caches", std::move(out)}};
}

Status show(bool json) {
    const auto files = GRAPNEL_TRY(list_caches(sys::LinuxHostFs()));
    if (json)
        return say(to_text(json_of(files)));
    return say(files.empty() ? "the caches are empty\n" : table_of(files));
}

Status drop(bool json) {
    const auto files = GRAPNEL_TRY(drop_caches(sys::LinuxHostFs()));
    auto dropped = Json::array();
    std::string out;
    for (const auto& file : files) {
        dropped.push_back(file.text());
        out += "dropped " + printable(file.text()) + "\n";
    }
    if (json)
        return say(to_text(Json{{"dropped", std::move(dropped)}}));
    return say(files.empty() ? "the caches are empty\n" : out);
}

Status run_cache(const LookArguments& arguments) {
    constexpr std::array<std::string_view, 3> commands{"show", "drop", "help"};
    const auto& operands = arguments.operands;
    if (operands.empty())
        return wrong_operand(cache_command(), "the command is missing");
    if (operands.front() != "show" && operands.front() != "drop")
        return unknown_word("command", operands.front(), commands, "grapnel cache");
    if (operands.size() > 1)
        return wrong_operand(cache_command(), "one word too many: " + quote(operands[1]));
    const auto work = operands.front() == "show" ? show : drop;
    auto done = work(arguments.options.json);
    return geteuid() == 0 ? done : std::move(done).cure("run this command as root");
}

} // namespace

int cache(std::span<const std::string> words) {
    return look_at_host(cache_command(), words, run_cache);
}

} // namespace grapnel
