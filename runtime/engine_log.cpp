// SPDX-License-Identifier: Apache-2.0
#include "engine_log.hpp"

#include "json/text.hpp"
#include "prepare/log.hpp"
#include "sys/argument_path.hpp"
#include "sys/file.hpp"

#include <nlohmann/json.hpp>

namespace grapnel {

namespace {

using Json = nlohmann::ordered_json;

/// runc's two formats. A JSON string is a quoted string of the text format as well.
std::string entry(const CommandLine& line, std::string_view error) {
    const auto time = timestamp();
    if (line.log_is_json)
        return write_json(Json{{"level", "error"}, {"msg", error}, {"time", time}});
    return "time=" + write_json(Json(time)) + " level=error msg=" + write_json(Json(error));
}

} // namespace

void tell_engine(const CommandLine& line, std::string_view error) {
    if (line.log.empty())
        return;
    // the same words stand on standard error and in Grapnel's own log
    if (const auto path = sys::argument_path(line.log))
        (void)sys::append_line(*path, entry(line, error));
}

} // namespace grapnel
