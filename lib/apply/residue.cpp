// SPDX-License-Identifier: Apache-2.0
#include "apply/residue.hpp"

#include "apply/container.hpp"
#include "base/text.hpp"
#include "sys/file.hpp"
#include "sys/process.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fmt/format.h>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

namespace grapnel::apply {

namespace {

using Json = nlohmann::ordered_json;
using Type = sys::FileFacts::Type;

constexpr const char* created_key = "created"; // the last one
constexpr std::size_t record_limit = std::size_t{16} << 20;
constexpr std::array<std::pair<std::string_view, Type>, 3> types{
    {{"file", Type::regular}, {"directory", Type::directory}, {"link", Type::link}}};

/// JSON holds text, a path of an image any bytes: what is not plain is written as %XX.
std::string escape(std::string_view bytes) {
    std::string out;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte > 0x7e || c == '%')
            out += fmt::format("%{:02x}", byte);
        else
            out += c;
    }
    return out;
}

std::optional<std::string> unescape(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        const auto byte = parse_number<unsigned char>(text.substr(i + 1, 2), 16);
        if (!byte || text.size() - i < 3)
            return std::nullopt;
        out += static_cast<char>(*byte);
        i += 2;
    }
    return out;
}

Error damaged(const char* what) {
    return refused(std::string("the record of what was made is damaged: ") + what);
}

Json creation_json(const sys::Creation& creation) {
    const auto* const type =
        std::ranges::find(types, creation.facts.type, &std::pair<std::string_view, Type>::second);
    Json json{{"path", escape(creation.path.text())},
              {"type", type == types.end() ? "file" : type->first},
              {"device", creation.facts.device},
              {"inode", creation.facts.inode},
              {"size", creation.facts.size},
              {"modified", creation.facts.modified_ns}};
    if (creation.former_target)
        json["former_target"] = escape(*creation.former_target);
    if (creation.former_text)
        json["former_text"] = escape(*creation.former_text);
    if (creation.has_former()) {
        json["former_inode"] = creation.former.inode;
        json["former_user"] = creation.former.owner.user;
        json["former_group"] = creation.former.owner.group;
        json["former_mode"] = creation.former.mode;
    }
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

Result<std::string> bytes(const Json& json, const char* key) {
    auto text = unescape(GRAPNEL_TRY(value<std::string>(json, key)));
    if (!text)
        return damaged(key);
    return std::move(*text);
}

Result<std::uint32_t> small_value(const Json& json, const char* key) {
    const auto number = GRAPNEL_TRY(value<std::uint64_t>(json, key));
    if (number > std::numeric_limits<std::uint32_t>::max())
        return damaged(key);
    return static_cast<std::uint32_t>(number);
}

/// A record of an earlier version has none of these.
Result<sys::FileFacts> parse_former(const Json& json) {
    sys::FileFacts former{.mode = 0644};
    if (!json.contains("former_inode"))
        return former;
    former.inode = GRAPNEL_TRY(value<std::uint64_t>(json, "former_inode"));
    former.owner.user = GRAPNEL_TRY(small_value(json, "former_user"));
    former.owner.group = GRAPNEL_TRY(small_value(json, "former_group"));
    former.mode = GRAPNEL_TRY(small_value(json, "former_mode"));
    return former;
}

Result<sys::Creation> parse_creation(const Json& json) {
    if (!json.is_object())
        return damaged("an entry");
    const auto path = GRAPNEL_TRY(bytes(json, "path"));
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
    if (json.contains("modified"))
        creation.facts.modified_ns = GRAPNEL_TRY(value<std::int64_t>(json, "modified"));
    if (json.contains("former_target"))
        creation.former_target = GRAPNEL_TRY(bytes(json, "former_target"));
    if (json.contains("former_text"))
        creation.former_text = GRAPNEL_TRY(bytes(json, "former_text"));
    creation.former = GRAPNEL_TRY(parse_former(json));
    return creation;
}

std::string record_name(const State& state) {
    return fmt::format("{}-{:016x}.json", state.id, number_of(state.bundle.text()));
}

Result<Residue> read_record(sys::FdRef directory, const std::string& name) {
    const auto text = GRAPNEL_TRY(sys::read_file_in(directory, name, record_limit));
    return parse_residue(text);
}

std::vector<std::string> record_names(sys::FdRef directory) {
    auto names = sys::directory_names(directory, "the records");
    if (!names)
        return {};
    std::erase_if(*names, [](const auto& name) { return !name.ends_with(".json"); });
    return std::move(*names);
}

/// The record of another container with that root file system.
std::optional<std::pair<std::string, Residue>>
other_record(sys::FdRef directory, const std::string& own, const HostPath& rootfs) {
    const auto empty = to_json({.rootfs = rootfs});
    const auto beginning = empty.substr(0, empty.rfind('"' + std::string(created_key)));
    for (const auto& name : record_names(directory)) {
        if (name == own)
            continue;
        // many containers can end at once: of most records these bytes suffice
        const auto first = sys::read_beginning_in(directory, name, beginning.size());
        if (!first || *first != beginning)
            continue;
        auto other = read_record(directory, name);
        if (other && other->rootfs == rootfs)
            return std::pair(name, std::move(*other));
    }
    return std::nullopt;
}

bool replaced(const sys::Creation& one, const sys::Creation& other) {
    return one.has_former() && one.former.inode == other.facts.inode;
}

/// `newest`, with what was at its place before `replaced` was made.
sys::Creation over(sys::Creation newest, const sys::Creation& replaced) {
    newest.former_target = replaced.former_target;
    newest.former_text = replaced.former_text;
    newest.former = replaced.former;
    return newest;
}

/// `earlier` with what was made since; what was made anew at a place counts once, so that a
/// container that is started over and over has a record of one size, and what it puts back in the
/// end is the image's. Of two containers, either can have replaced what the other made.
std::vector<sys::Creation> joined(std::vector<sys::Creation> earlier,
                                  std::vector<sys::Creation> later) {
    std::map<InsidePath, sys::Creation*> places;
    for (auto& creation : later)
        places.emplace(creation.path, &creation);
    std::erase_if(earlier, [&](const auto& creation) {
        const auto same = places.find(creation.path);
        if (same == places.end())
            return false;
        auto& known = *same->second;
        if (replaced(known, creation))
            known = over(known, creation);
        else if (replaced(creation, known))
            known = over(creation, known);
        return true;
    });
    earlier.insert(earlier.end(), later.begin(), later.end());
    return earlier;
}

void undo(const Residue& residue) {
    auto root = open_rootfs(residue.rootfs);
    if (!root)
        return;
    for (auto made = residue.creations.rbegin(); made != residue.creations.rend(); ++made)
        (void)root->remove(*made); // what is not ours any more stays
}

/// The root file system may never answer, so nobody is kept from the records of others meanwhile.
Status remove_recorded(const ResiduePlace& place, const State& state) {
    const auto directory = place.records.ref();
    const auto name = record_name(state);
    const auto read = [&] { return read_record(directory, name).note((place.path / name).text()); };
    const auto found = read();
    if (!found)
        return found.error().sys == ENOENT ? Status() : Status(found.error());
    const auto locked = GRAPNEL_TRY(lock_rootfs(place, found->rootfs));
    const auto residue = read(); // while this waited, another's end may have added to it
    if (!residue)
        return residue.error().sys == ENOENT ? Status() : Status(residue.error());
    if (residue->rootfs != found->rootfs)
        return {}; // it is a later start's, whose lock is another
    if (auto other = other_record(directory, name, residue->rootfs)) {
        other->second.creations = joined(residue->creations, other->second.creations);
        GRAPNEL_TRY(sys::replace_file(directory, other->first, to_json(other->second), 0600));
    } else {
        undo(*residue);
    }
    return sys::remove_file_in(directory, name);
}

/// Adds to the record of a container, and makes it if there is none. The lock is held.
Status write_record(sys::FdRef directory, const State& state, Residue residue) {
    const auto name = record_name(state);
    auto earlier = read_record(directory, name);
    if (earlier && earlier->rootfs == residue.rootfs)
        residue.creations = joined(std::move(earlier->creations), residue.creations);
    return sys::replace_file(directory, name, to_json(residue), 0600).note("record what was made");
}

} // namespace

std::string to_json(const Residue& residue) {
    auto created = Json::array();
    for (const auto& creation : residue.creations)
        created.push_back(creation_json(creation));
    const Json json{{"rootfs", escape(residue.rootfs.text())}, {created_key, created}};
    return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Residue> parse_residue(std::string_view text) {
    const auto json = Json::parse(text, nullptr, false);
    if (!json.is_object())
        return damaged("not a JSON object");
    const auto rootfs = GRAPNEL_TRY(bytes(json, "rootfs"));
    Residue residue{.rootfs = GRAPNEL_TRY(HostPath::make(rootfs))};
    const auto created = json.find(created_key);
    if (created == json.end() || !created->is_array())
        return damaged(created_key);
    for (const auto& entry : *created)
        residue.creations.push_back(GRAPNEL_TRY(parse_creation(entry)));
    return residue;
}

Status claim_rootfs(const ResiduePlace& place, const State& state, const HostPath& rootfs) {
    const auto locked = GRAPNEL_TRY(lock_rootfs(place, rootfs));
    const auto earlier = read_record(place.records.ref(), record_name(state));
    if (earlier && earlier->rootfs == rootfs)
        return {}; // of an earlier run that nobody tidied up behind: it claims as well
    return write_record(place.records.ref(), state, {.rootfs = rootfs});
}

Status save_residue(const ResiduePlace& place, const State& state, Residue residue) {
    const auto locked = GRAPNEL_TRY(lock_rootfs(place, residue.rootfs));
    return write_record(place.records.ref(), state, std::move(residue));
}

Status give_up_claim(const ResiduePlace& place, const State& state, const HostPath& rootfs) {
    const auto locked = GRAPNEL_TRY(lock_rootfs(place, rootfs));
    const auto name = record_name(state);
    const auto residue = GRAPNEL_TRY(read_record(place.records.ref(), name));
    return residue.creations.empty() ? sys::remove_file_in(place.records.ref(), name) : Status();
}

void forget_the_gone(const ResiduePlace& place, const std::vector<MountInfo>& mounts) {
    constexpr std::size_t seldom = 64;
    const auto directory = place.records.ref();
    const auto names = record_names(directory);
    if (names.empty() || names.size() % seldom != 0)
        return;
    for (const auto& name : names) {
        const auto residue = read_record(directory, name);
        if (!residue || !is_gone(residue->rootfs, mounts))
            continue;
        const auto locked = lock_rootfs(place, residue->rootfs, 0);
        if (locked && is_gone(residue->rootfs, mounts)) // no container has started there since
            (void)sys::remove_file_in(directory, name); // the next time is early enough
    }
}

Status remove_residue(const State& state) {
    for (const auto& path : residue_paths()) {
        const auto place = open_residue_place(path);
        if (place) {
            GRAPNEL_TRY(remove_recorded(*place, state));
            continue;
        }
        const bool roots = place.error().sys == EACCES && sys::unprivileged_user();
        if (place.error().sys != ENOENT && !roots)
            return place.error();
    }
    return {};
}

} // namespace grapnel::apply
