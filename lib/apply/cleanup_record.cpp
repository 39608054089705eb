// SPDX-License-Identifier: Apache-2.0
#include "apply/cleanup_record.hpp"

#include "base/format.hpp"
#include "base/text.hpp"
#include "json/text.hpp"
#include "sys/directory.hpp"
#include "sys/file.hpp"

#include <algorithm>
#include <array>
#include <concepts>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

namespace grapnel::apply {

namespace {

using OrderedJson = nlohmann::ordered_json;
using Type = sys::FileFacts::Type;

/// More than any driver has files; folding takes the square of it.
constexpr std::size_t most_creations = 4096;
constexpr std::array<std::pair<std::string_view, Type>, 4> types{{{"file", Type::regular},
                                                                  {"directory", Type::directory},
                                                                  {"link", Type::link},
                                                                  {"temporary", Type::other}}};

bool is_plain(char c) {
    return c >= 0x20 && c <= 0x7e && c != '%' && c != '"' && c != '\\';
}

/// JSON holds text, a path of an image any bytes: a byte that is not plain, or special in JSON, is
/// written as %XX.
void append_escaped(std::string& text, std::string_view bytes) {
    while (true) {
        const auto* const special = std::ranges::find_if_not(bytes, is_plain);
        const auto plain = static_cast<std::size_t>(special - bytes.begin());
        text += bytes.substr(0, plain);
        if (plain == bytes.size())
            return;
        text += format_text("%{:02x}", static_cast<unsigned char>(bytes[plain]));
        bytes.remove_prefix(plain + 1);
    }
}

std::string escape(std::string_view bytes) {
    std::string text;
    append_escaped(text, bytes);
    return text;
}

std::optional<std::string> unescape(std::string_view text) {
    if (text.find('%') == std::string_view::npos)
        return std::string(text);
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
    return refused(std::string("the cleanup record is damaged: ") + what);
}

/// A JSON object as text, member by member. A start writes some eighty: without a JSON value in
/// between, and without format strings, which take twice as long.
class ObjectText {
  public:
    ObjectText() { text_.reserve(usual_size); }

    void add(std::string_view key, std::string_view value) {
        begin(key);
        text_ += '"';
        append_escaped(text_, value);
        text_ += '"';
    }

    void add(std::string_view key, std::integral auto value) {
        begin(key);
        append_number(text_, value);
    }

    [[nodiscard]] std::string end() && { return std::move(text_ += '}'); }

  private:
    static constexpr std::size_t usual_size = 256;

    void begin(std::string_view key) {
        text_ += text_.empty() ? "{\"" : ",\"";
        text_ += key;
        text_ += "\":";
    }

    std::string text_;
};

std::string creation_json(const sys::Creation& creation) {
    const auto* const type =
        std::ranges::find(types, creation.facts.type, &std::pair<std::string_view, Type>::second);
    ObjectText json;
    json.add("path", creation.path.text());
    json.add("type", type == types.end() ? "file" : type->first);
    if (creation.planned) {
        json.add("planned", *creation.planned);
        json.add("parent", creation.parent_inode);
    } else {
        json.add("inode", creation.facts.inode);
        json.add("size", creation.facts.size);
        json.add("modified", creation.facts.modified_ns);
    }
    if (creation.former_target)
        json.add("former_target", *creation.former_target);
    if (creation.former_text)
        json.add("former_text", *creation.former_text);
    if (creation.has_former()) {
        json.add("former_inode", creation.former.inode);
        json.add("former_modified", creation.former.modified_ns);
        json.add("former_user", creation.former.owner.user);
        json.add("former_group", creation.former.owner.group);
        json.add("former_mode", creation.former.mode);
    }
    if (!creation.former_name.empty())
        json.add("former_name", creation.former_name);
    return std::move(json).end();
}

template <typename T>
Result<T> value(const OrderedJson& json, const char* key) {
    const auto found = json.find(key);
    const auto* const typed = found == json.end() ? nullptr : found->get_ptr<const T*>();
    if (typed == nullptr)
        return damaged(key);
    return *typed;
}

Result<std::string> bytes(const OrderedJson& json, const char* key) {
    auto text = unescape(GRAPNEL_TRY(value<std::string>(json, key)));
    if (!text)
        return damaged(key);
    return std::move(*text);
}

Result<std::uint32_t> small_value(const OrderedJson& json, const char* key) {
    const auto number = GRAPNEL_TRY(value<std::uint64_t>(json, key));
    if (number > std::numeric_limits<std::uint32_t>::max())
        return damaged(key);
    return static_cast<std::uint32_t>(number);
}

/// A record of an earlier version lacks these keys.
Result<sys::FileFacts> parse_former(const OrderedJson& json) {
    sys::FileFacts former{.mode = 0644};
    if (!json.contains("former_inode"))
        return former;
    former.inode = GRAPNEL_TRY(value<std::uint64_t>(json, "former_inode"));
    if (json.contains("former_modified"))
        former.modified_ns = GRAPNEL_TRY(value<std::int64_t>(json, "former_modified"));
    former.owner.user = GRAPNEL_TRY(small_value(json, "former_user"));
    former.owner.group = GRAPNEL_TRY(small_value(json, "former_group"));
    former.mode = GRAPNEL_TRY(small_value(json, "former_mode"));
    return former;
}

/// The inode of the creation, or its plan.
Status parse_made(const OrderedJson& json, sys::Creation& creation) {
    if (json.contains("planned")) {
        creation.planned = GRAPNEL_TRY(bytes(json, "planned"));
        creation.parent_inode = GRAPNEL_TRY(value<std::uint64_t>(json, "parent"));
        return {};
    }
    if (creation.facts.type == Type::other)
        return damaged("type");
    creation.facts.inode = GRAPNEL_TRY(value<std::uint64_t>(json, "inode"));
    creation.facts.size = GRAPNEL_TRY(value<std::uint64_t>(json, "size"));
    if (json.contains("modified")) // not in records of the first versions
        creation.facts.modified_ns = GRAPNEL_TRY(value<std::int64_t>(json, "modified"));
    return {};
}

Result<sys::Creation> parse_creation(const OrderedJson& json) {
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
    GRAPNEL_TRY(parse_made(json, creation));
    if (json.contains("former_target"))
        creation.former_target = GRAPNEL_TRY(bytes(json, "former_target"));
    if (json.contains("former_text"))
        creation.former_text = GRAPNEL_TRY(bytes(json, "former_text"));
    creation.former = GRAPNEL_TRY(parse_former(json));
    if (json.contains("former_name"))
        creation.former_name = GRAPNEL_TRY(bytes(json, "former_name"));
    if (!creation.former_name.empty() && !is_plain_name(creation.former_name))
        return damaged("former_name");
    return creation;
}

Status parse_entry(const OrderedJson& json, std::vector<sys::Creation>& creations) {
    if (creations.size() >= most_creations)
        return damaged("too many entries");
    add_creation(creations, GRAPNEL_TRY(parse_creation(json)));
    return {};
}

std::string gpu_json(const RecordedGpu& gpu) {
    auto json = format_text(R"({{"index":{},"minor":{},"uuid":"{}")", gpu.index, gpu.minor,
                            escape(gpu.uuid));
    std::string mig;
    for (const auto& device : gpu.mig)
        mig += format_text(R"({}"{}")", mig.empty() ? "" : ",", escape(device));
    return mig.empty() ? json + "}" : json + R"(,"mig":[)" + mig + "]}";
}

/// With a comma before it; empty without facts.
std::string start_json(const StartFacts& start) {
    if (start == StartFacts{})
        return {};
    std::string gpus;
    for (const auto& gpu : start.gpus)
        gpus += (gpus.empty() ? "" : ",") + gpu_json(gpu);
    const auto process =
        start.process ? format_text(R"(,"process":"{}")", to_text(*start.process)) : std::string();
    return format_text(R"(,"bundle":"{}","driver":"{}","gpus":[{}]{})", escape(start.bundle),
                       escape(start.driver_version), gpus, process);
}

std::vector<std::string> parse_mig(const OrderedJson& json) {
    std::vector<std::string> out;
    const auto found = json.find("mig");
    if (found == json.end() || !found->is_array())
        return out;
    for (const auto& device : *found)
        if (const auto* const text = device.get_ptr<const std::string*>())
            out.push_back(unescape(*text).value_or(""));
    return out;
}

std::optional<RecordedGpu> parse_gpu(const OrderedJson& json) {
    if (!json.is_object())
        return std::nullopt;
    const auto index = small_value(json, "index");
    const auto minor = small_value(json, "minor");
    const auto uuid = bytes(json, "uuid");
    if (!index || !minor || !uuid)
        return std::nullopt;
    return RecordedGpu{.index = *index, .minor = *minor, .uuid = *uuid, .mig = parse_mig(json)};
}

StartFacts parse_start(const OrderedJson& json) {
    StartFacts start{.bundle = bytes(json, "bundle").value_or(""),
                     .driver_version = bytes(json, "driver").value_or("")};
    start.process = sys::parse_process_identity(bytes(json, "process").value_or(""));
    const auto gpus = json.find("gpus");
    if (gpus != json.end() && gpus->is_array())
        for (const auto& entry : *gpus)
            if (auto gpu = parse_gpu(entry))
                start.gpus.push_back(std::move(*gpu));
    return start;
}

Result<CleanupRecord> parse_header(const OrderedJson& json) {
    const auto rootfs = GRAPNEL_TRY(bytes(json, "rootfs"));
    CleanupRecord record{.rootfs = GRAPNEL_TRY(HostPath::make(rootfs)), .start = parse_start(json)};
    record.root = RootIdentity{.inode = GRAPNEL_TRY(value<std::uint64_t>(json, "root_inode")),
                               .born_ns = GRAPNEL_TRY(value<std::int64_t>(json, "root_born"))};
    return record;
}

/// Whether the former file of `one` is that creation. Its inode alone does not tell: a file system
/// gives the number of a removed file to the next new one.
bool is_former(const sys::Creation& one, const sys::FileFacts& created) {
    const auto& former = created.type == Type::link ? one.former_target : one.former_text;
    if (!former || one.former.inode != created.inode || former->size() != created.size)
        return false;
    return one.former.modified_ns == 0 || created.modified_ns == 0
           || one.former.modified_ns == created.modified_ns; // 0 in records of earlier versions
}

bool replaced(const sys::Creation& one, const sys::Creation& other) {
    if (!other.planned)
        return is_former(one, other.facts);
    const auto& former = other.is_link() ? one.former_target : one.former_text;
    return former && former == other.planned;
}

/// `newest`, with the former file of `replaced`.
sys::Creation over(sys::Creation newest, const sys::Creation& replaced) {
    newest.former_target = replaced.former_target;
    newest.former_text = replaced.former_text;
    newest.former = replaced.former;
    newest.former_name = replaced.former_name;
    return newest;
}

} // namespace

Result<RootIdentity> identity_of(const sys::RootDir& root) {
    const auto facts = GRAPNEL_TRY(sys::facts(root.ref(), ""));
    return RootIdentity{.inode = facts.inode, .born_ns = GRAPNEL_TRY(sys::birth_time(root.ref()))};
}

std::string header_line(const HostPath& rootfs, const RootIdentity& root, const StartFacts& start) {
    return format_text(R"({{"version":2,"rootfs":"{}","root_inode":{},"root_born":{}{}}})"
                       "\n",
                       escape(rootfs.text()), root.inode, root.born_ns, start_json(start));
}

std::string creation_line(const sys::Creation& creation) {
    return creation_json(creation) + "\n";
}

std::string creation_lines(const std::vector<sys::Creation>& creations) {
    std::string lines;
    for (const auto& creation : creations)
        lines += creation_line(creation);
    return lines;
}

void add_creation(std::vector<sys::Creation>& creations, sys::Creation later) {
    std::erase_if(creations, [&](auto& earlier) {
        if (earlier.path != later.path)
            return false;
        if (replaced(later, earlier))
            later = over(later, earlier);
        else if (!later.planned && !earlier.planned && replaced(earlier, later))
            later = over(earlier, later);
        return !later.planned || earlier.planned == later.planned;
    });
    creations.push_back(std::move(later));
}

Result<CleanupRecord> parse_cleanup_record(std::string_view text) {
    CleanupRecord record{.rootfs = host_path("/")};
    bool has_header = false;
    text = text.substr(0, text.rfind('\n') + 1);
    for (const auto line : split(text, '\n')) {
        if (line.empty())
            continue;
        const auto json = parse_ordered_json(line);
        if (json.is_discarded())
            continue; // not written whole
        if (!json.is_object())
            return damaged("a line is no JSON object");
        if (json.contains("version")) {
            if (has_header)
                return damaged("version");
            record = GRAPNEL_TRY(parse_header(json));
            has_header = true;
        } else if (!has_header) {
            return damaged("version");
        } else {
            GRAPNEL_TRY(parse_entry(json, record.creations));
        }
    }
    return record;
}

std::string old_record_text(const CleanupRecord& record) {
    std::string created;
    for (const auto& creation : record.creations)
        created += (created.empty() ? "" : ",") + creation_json(creation);
    return format_text(R"({{"rootfs":"{}","created":[{}]}})"
                       "\n",
                       escape(record.rootfs.text()), created);
}

Result<CleanupRecord> parse_old_record(std::string_view text) {
    const auto json = parse_ordered_json(text);
    if (!json.is_object())
        return damaged("not a JSON object");
    const auto rootfs = GRAPNEL_TRY(bytes(json, "rootfs"));
    CleanupRecord record{.rootfs = GRAPNEL_TRY(HostPath::make(rootfs))};
    const auto created = json.find("created");
    if (created == json.end() || !created->is_array())
        return damaged("created");
    for (const auto& entry : *created)
        GRAPNEL_TRY(parse_entry(entry, record.creations));
    return record;
}

} // namespace grapnel::apply
