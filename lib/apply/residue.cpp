// SPDX-License-Identifier: Apache-2.0
#include "apply/residue.hpp"

#include "apply/container.hpp"
#include "base/text.hpp"
#include "sys/file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <ranges>

namespace grapnel::apply {

namespace {

using Json = nlohmann::ordered_json;
using Type = sys::FileFacts::Type;

constexpr std::size_t record_limit = std::size_t{16} << 20;
constexpr std::array<std::pair<std::string_view, Type>, 3> types{
    {{"file", Type::regular}, {"directory", Type::directory}, {"link", Type::link}}};

Error damaged(const char* what) {
    return refused(std::string("the record of what was made is damaged: ") + what);
}

Json creation_json(const sys::Creation& creation) {
    const auto* const type =
        std::ranges::find(types, creation.facts.type, &std::pair<std::string_view, Type>::second);
    Json json{{"path", creation.path.text()},
              {"type", type == types.end() ? "file" : type->first},
              {"device", creation.facts.device},
              {"inode", creation.facts.inode},
              {"size", creation.facts.size}};
    if (creation.former_target)
        json["former_target"] = *creation.former_target;
    return json;
}

template <typename T>
Result<T> value(const Json& json, const char* key) {
    const auto found = json.find(key);
    const auto* const typed = found == json.end() ? nullptr : found->get_ptr<const T*>();
    if (typed == nullptr)
        return damaged(key);
    return *typed;
}

Result<sys::Creation> parse_creation(const Json& json) {
    if (!json.is_object())
        return damaged("an entry");
    const auto path = GRAPNEL_TRY(value<std::string>(json, "path"));
    const auto type = GRAPNEL_TRY(value<std::string>(json, "type"));
    const auto* const known =
        std::ranges::find(types, type, &std::pair<std::string_view, Type>::first);
    if (known == types.end())
        return damaged("type");
    sys::Creation creation{.path = GRAPNEL_TRY(InsidePath::make(path))};
    creation.facts.type = known->second;
    creation.facts.device = GRAPNEL_TRY(value<std::uint64_t>(json, "device"));
    creation.facts.inode = GRAPNEL_TRY(value<std::uint64_t>(json, "inode"));
    creation.facts.size = GRAPNEL_TRY(value<std::uint64_t>(json, "size"));
    if (json.contains("former_target"))
        creation.former_target = GRAPNEL_TRY(value<std::string>(json, "former_target"));
    return creation;
}

std::string record_name(const std::string& container_id) {
    return container_id + ".json";
}

} // namespace

const HostPath& residue_directory() {
    static const auto directory = host_path("/run/grapnel/containers");
    return directory;
}

std::string to_json(const Residue& residue) {
    auto created = Json::array();
    for (const auto& creation : residue.creations)
        created.push_back(creation_json(creation));
    const Json json{{"rootfs", residue.rootfs.text()}, {"created", created}};
    return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Residue> parse_residue(std::string_view text) {
    const auto json = Json::parse(text, nullptr, false);
    if (!json.is_object())
        return damaged("not a JSON object");
    const auto rootfs = GRAPNEL_TRY(value<std::string>(json, "rootfs"));
    Residue residue{.rootfs = GRAPNEL_TRY(HostPath::make(rootfs))};
    const auto created = json.find("created");
    if (created == json.end() || !created->is_array())
        return damaged("created");
    for (const auto& entry : *created)
        residue.creations.push_back(GRAPNEL_TRY(parse_creation(entry)));
    return residue;
}

Status save_residue(sys::FdRef directory, const std::string& container_id, const Residue& residue) {
    if (residue.creations.empty())
        return {}; // an earlier run, which made them, has written the record
    return sys::replace_file(directory, record_name(container_id), to_json(residue), 0600)
        .note("record what was made");
}

Status remove_residue(const std::string& container_id) {
    const auto record = residue_directory() / record_name(container_id);
    const auto text = sys::read_host_file(record, record_limit);
    if (!text)
        return text.error().sys == ENOENT ? Status() : Status(text.error());
    const auto residue = GRAPNEL_TRY(parse_residue(*text).note(record.text()));
    auto root = open_rootfs(residue.rootfs);
    if (root)
        for (const auto& creation : residue.creations | std::views::reverse)
            (void)GRAPNEL_TRY(root->remove(creation)); // what is not ours any more stays
    return sys::remove_host_file(record);
}

} // namespace grapnel::apply
