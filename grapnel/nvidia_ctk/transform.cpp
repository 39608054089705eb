// SPDX-License-Identifier: Apache-2.0
// `nvidia-ctk cdi transform root`: a CDI file with other paths of the host or of the container.
#include "base/text.hpp"
#include "base/usage.hpp"
#include "cdi/spec_files.hpp"
#include "cdi/yaml.hpp"
#include "command.hpp"
#include "json.hpp"
#include "nvidia_ctk.hpp"
#include "nvidia_ctk/words.hpp"
#include "sys/argument_path.hpp"
#include "sys/config_file.hpp"

#include <unistd.h>

namespace grapnel::nvidia_ctk {

namespace {

using cmdline::Row;
using Spec = cdi_command::SpecJson;

constexpr std::size_t spec_limit = std::size_t{16} << 20;

constexpr auto usage_text =
    "usage: nvidia-ctk cdi transform root --from DIR --to DIR [--input FILE] [--output FILE] "
    "[--relative-to host|container]\n";

struct Given {
    bool help = false;
    std::string from = "/";
    std::string to = "/";
    std::string input = "-";
    std::string output = "-";
    std::string relative_to = "host";
};

const std::vector<Row<Given>>& rows() {
    using enum cmdline::Value;
    using cmdline::set;
    static const std::vector<Row<Given>> table{
        {{"from", '\0', needed}, set<&Given::from>},
        {{"to", '\0', needed}, set<&Given::to>},
        {{"input", '\0', needed}, set<&Given::input>},
        {{"output", '\0', needed}, set<&Given::output>},
        {{"relative-to", '\0', needed}, set<&Given::relative_to>},
        {{"help", 'h', none, "", "", {}, true}, cmdline::set_flag<&Given::help>},
    };
    return table;
}

std::string_view without_slash(std::string_view root) {
    while (root.ends_with('/'))
        root.remove_suffix(1);
    return root;
}

class Transformer {
  public:
    explicit Transformer(const Given& given)
        : from_(without_slash(given.from)),
          to_(without_slash(given.to)),
          is_host_(given.relative_to == "host") {}

    void edit(Spec& spec) const {
        if (!spec.is_object())
            return;
        if (spec.contains("containerEdits"))
            edits(spec["containerEdits"]);
        for (auto& device : list(spec, "devices"))
            if (device.is_object() && device.contains("containerEdits"))
                edits(device["containerEdits"]);
    }

  private:
    static Spec& list(Spec& object, const char* name) {
        static Spec none = Spec::array();
        const auto found = object.find(name);
        return found != object.end() && found->is_array() ? *found : none;
    }

    /// A root ends where a component ends.
    void path(Spec& value) const {
        if (!value.is_string())
            return;
        const auto text = value.get<std::string>();
        const auto rest = std::string_view(text).substr(std::min(from_.size(), text.size()));
        if (text.starts_with(from_) && (rest.empty() || rest.starts_with('/')))
            value = to_ + std::string(rest.empty() && to_.empty() ? "/" : rest);
    }

    void member(Spec& object, const char* name) const {
        if (object.is_object() && object.contains(name))
            path(object[name]);
    }

    void edits(Spec& edits) const {
        if (!edits.is_object())
            return;
        for (auto& mount : list(edits, "mounts"))
            member(mount, is_host_ ? "hostPath" : "containerPath");
        for (auto& node : list(edits, "deviceNodes")) {
            if (is_host_ && node.is_object() && node.contains("path") && !node.contains("hostPath"))
                node["hostPath"] = node["path"];
            member(node, is_host_ ? "hostPath" : "path");
        }
        for (auto& hook : list(edits, "hooks"))
            if (hook.is_object())
                hook_paths(hook);
    }

    /// A hook of the stage startContainer is a program of the container; the words of it and of
    /// createContainer are paths inside, with '::' between two.
    void hook_paths(Spec& hook) const {
        const auto stage = hook.value("hookName", "");
        if (is_host_ == (stage != "startContainer"))
            member(hook, "path");
        const bool is_inside = stage == "startContainer" || stage == "createContainer";
        if (is_host_ == is_inside)
            return;
        for (auto& word : list(hook, "args"))
            if (word.is_string())
                words(word);
    }

    void words(Spec& word) const {
        const auto text = word.get<std::string>();
        const auto between = text.find("::");
        Spec first = text.substr(0, between);
        path(first);
        if (between == std::string::npos) {
            word = first;
            return;
        }
        Spec second = text.substr(between + 2);
        path(second);
        word = first.get<std::string>() + "::" + second.get<std::string>();
    }

    std::string from_;
    std::string to_;
    bool is_host_;
};

Result<std::string> read_spec(const std::string& input) {
    if (input == "-" || input.empty())
        return sys::read_all({STDIN_FILENO}, spec_limit, "stdin");
    return sys::read_host_file(GRAPNEL_TRY(sys::argument_path(input).note("--input")), spec_limit);
}

Status transformed(const Given& given) {
    const auto text = GRAPNEL_TRY(read_spec(given.input));
    auto spec = GRAPNEL_TRY(cdi_command::parse_spec(text).note(given.input));
    if (!spec.is_object())
        return refused(given.input + " is no CDI file");
    Transformer(given).edit(spec);
    const bool is_json = given.output.ends_with(".json");
    const auto out = is_json ? to_text(Json(spec)) : cdi_command::to_yaml(Json(spec));
    if (given.output == "-" || given.output.empty())
        return say(out);
    const auto path = GRAPNEL_TRY(sys::argument_path(given.output).note("--output"));
    return GRAPNEL_TRY(sys::ConfigFile::open(path, spec_limit)).replace(out);
}

} // namespace

int transform(std::span<const std::string> words) {
    if (words.empty() || is_question(words.front()))
        return answer(usage_text);
    if (words.front() != "root")
        return wrong_usage(usage_error("'cdi transform' knows 'root' alone", tool));
    Given given;
    const auto parsed = take_options(words.subspan(1), rows(), given);
    if (!parsed)
        return wrong_usage(parsed.error());
    if (given.help)
        return answer(usage_text);
    if (given.relative_to != "host" && given.relative_to != "container")
        return wrong_usage(unknown_word("place", given.relative_to, {{"host", "container"}}, tool));
    return finish(transformed(given));
}

} // namespace grapnel::nvidia_ctk
